"""P8: what the gateway's process holds at most while a large object passes through it, up and down."""

from __future__ import annotations

from pathlib import Path

from landbridge.client import Client
from landbridge.digests import SHA256, new_hash, told

from bench.figures import OURS, Budget, Contender, Figure
from bench.run import Run

MEGABYTES = (50, 500, 5000)
_BLOCK = bytes(1_000_000)


def measure(run: Run) -> list[Figure]:
    return [_at_size(run, size) for size in (MEGABYTES[:1] if run.quick else MEGABYTES)]


def _at_size(run: Run, size: int) -> Figure:
    """Nothing is generated that is not sent, and nothing kept that arrives: the disk holds the object once."""
    status = Path("/proc") / str(run.serving.child("gateway"))
    (status / "clear_refs").write_text("5")  # the peak is counted from here on
    client = Client(run.serving.url, run.serving.token)
    begun = client.ask("POST", "/uploads", query={"format": "file", "size": size * 1_000_000, "digest": "sha256"})
    place = f"/uploads/{begun['upload']['id']}"
    length = {"Content-Length": str(size * 1_000_000)}
    with client.opened("PUT", place, query={"offset": 0}, headers=length, content=(_BLOCK for _ in range(size))):
        pass
    reference = client.ask("POST", f"{place}/end", headers={"Landbridge-Digest": _digest(size)})["object"]["id"]
    with client.opened("GET", f"/objects/{reference}") as answer:
        assert sum(len(block) for block in answer.blocks()) == size * 1_000_000
    client.get(f"/objects/{reference}/digest", algorithm="xxh128", patience=60)
    client.close()
    for path in (run.serving.home / "depot" / "objects").rglob(f"{reference}.*"):
        path.unlink()
    return Figure(
        "P8",
        "peak memory of the gateway's process while an object passes up and down, by megabytes",
        "MB",
        [Contender(OURS, [_peak(status / "status")], ("record",))],
        [Budget(150)],
        size=size,
    )


def _digest(size: int) -> str:
    hasher = new_hash(SHA256)
    for _ in range(size):
        hasher.update(_BLOCK)
    return told(SHA256, hasher)


def _peak(status: Path) -> float:
    (line,) = [line for line in status.read_text().splitlines() if line.startswith("VmHWM:")]
    return int(line.split()[1]) * 1024 / 1e6
