"""Thousands of Arrow files made wrong: the Python reader refuses each or reads it, and never dies of one."""

from __future__ import annotations

import json
import struct
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import landbridge.values
import pyarrow as pa
import pytest

from tests.conformance import hostile_files as hostile
from tests.conformance.harness import image_of
from tests.hostile import mutants

SMALL, MIXED = hostile.arrow_file(mutants.SMALL), hostile.arrow_file(mutants.MIXED)
READER = Path(__file__).parent / "read_many.py"
DAMAGED = "refused `result` cannot cross: it is a damaged Arrow file."

CLAIMS = {
    "a zstd buffer that claims 100 GB": mutants.huge_claim("zstd"),
    "an lz4 buffer that claims 100 GB": mutants.huge_claim("lz4"),
    "no dictionary": mutants.without_dictionaries(MIXED),
    "a batch in the place of a dictionary": mutants.batch_for_dictionary(MIXED),
    "one batch a million times": mutants.repeated_batch(SMALL, 1_000_000),
    "a hundred levels": mutants.forged(SMALL, 0, b"", mutants.nested(100)),
    "a million columns": mutants.forged(SMALL, 0, b"", [("x", [])], width=1_000_000),
    "a name of 10 MB": mutants.forged(SMALL, 0, b"", [("x", [])], name="x" * 10**7),
}


class Folder:
    """A sink for the encoder: files of a folder."""

    crossing = None
    written = 0

    def __init__(self, path: Path) -> None:
        self.path = path

    def put(self, extension: str, write: Any) -> str:
        write(self.path / f"true.{extension}")
        return "true"


def outcomes(folder: Path, table: pa.Table, files: Sequence[bytes], language: str = "python") -> list[str]:
    """What a child process makes of each file. One that dies of a file fails the test, and the file is named."""
    pack = folder / "files.pack"
    pack.write_bytes(hostile.packed(files))
    node = landbridge.values.encode(table.to_pandas(), Folder(folder))
    pack.with_suffix(".json").write_text(json.dumps(node))
    command = [sys.executable, str(READER), str(pack), "0"] if language == "python" else in_r(pack)
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    found = [json.loads(line)[1] for line in done.stdout.splitlines()]
    assert done.returncode == 0, f"file {len(found)} ended the reader: {done.returncode} {done.stderr[-500:]}"
    assert len(found) == len(files)
    assert [(number, what) for number, what in enumerate(found) if what.startswith("raised")] == []
    return found


def in_r(pack: Path) -> list[str]:
    """The reader of R, which has arrow in its image alone."""
    mounts = {pack: "/p.pack", pack.with_suffix(".json"): "/p.json", READER.with_suffix(".R"): "/r.R"}
    return [
        *("docker", "run", "--rm", "--network", "none", "--memory", "4g", "--entrypoint", "Rscript"),
        *(word for here, there in mounts.items() for word in ("-v", f"{here}:{there}:ro")),
        *(image_of("r"), "--vanilla", "/r.R", "/p.pack", "/p.json"),
    ]


@pytest.mark.row("AR2", "AR3")
def test_every_bit_flipped_and_every_cut_is_refused_or_read(tmp_path):
    flipped, cut = list(mutants.bits(SMALL)), list(mutants.cuts(MIXED))
    found = outcomes(tmp_path, mutants.SMALL, [SMALL, *flipped, *cut])
    assert found[0] == "read 2"
    assert {what.split()[0] for what in found[len(flipped) + 1 :]} == {"refused"}
    # All the flips beyond the two values and their padding that Arrow itself can know of.
    assert sum(what.startswith("refused") for what in found) > len(flipped) * 0.7


@pytest.mark.row("AR4", "AR6", "AR9")
def test_every_number_of_messages_offsets_and_codes_set_to_nasty_values(tmp_path):
    places = [*mutants.message_numbers(MIXED), *mutants.body_numbers(MIXED)]
    found = outcomes(tmp_path, mutants.MIXED, list(mutants.with_numbers(MIXED, iter(places))))
    assert len(found) > 900
    assert sum(what.startswith("refused") for what in found) > len(found) / 2


@pytest.mark.row("AR6", "AR7", "AR8", "AR9", "AR19")
def test_files_that_claim_too_much_are_refused_before_they_are_read(tmp_path):
    found = dict(zip(CLAIMS, outcomes(tmp_path, mutants.SMALL, list(CLAIMS.values())), strict=True))
    assert found == dict.fromkeys(CLAIMS, DAMAGED)
    ends = outcomes(tmp_path, mutants.SMALL, [mutants.stream_without_end(), mutants.file_cut_before_footer()])
    assert ends == [
        "refused `result` cannot cross: it is an Arrow stream, not an Arrow file.",
        "refused `result` cannot cross: it is a truncated Arrow file.",
    ]


def test_the_forged_footer_itself_is_whole(tmp_path):
    """What is refused above is refused for what it claims: the same file with modest claims is read."""
    offset, metadata, body = next(mutants._blocks(SMALL))
    block = struct.pack("<qi4xq", offset, metadata, body)
    small = mutants.forged(SMALL[: offset + metadata + body], 1, block, [("n", [])])
    assert outcomes(tmp_path, mutants.SMALL, [small, mutants.repeated_batch(SMALL, 2)]) == ["read 2", DAMAGED]


PROOF = b"cos\nsystem\n(S'touch evil'\ntR."


@pytest.mark.row("AR10", "AR12")
@pytest.mark.parametrize("name", ["arrow.py_extension_type", "ray.data.arrow_tensor", "ray.data.arrow_pickled_object"])
def test_extension_types_that_would_be_unpickled_are_refused_by_name(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    metadata = {"ARROW:extension:name": name.encode(), "ARROW:extension:metadata": PROOF}
    schema = pa.schema([pa.field("n", pa.binary(), metadata=metadata)])
    file = hostile.arrow_file(pa.table([[b"a", b"b"]], schema=schema))
    (found,) = outcomes(tmp_path, mutants.SMALL, [file])
    reason = f"the extension type `{name}` is not part of the wire profile"
    assert found == f'refused `result["n"]` cannot cross: {reason}.'
    assert not list(tmp_path.rglob("evil"))


@pytest.mark.row("AR18")
def test_versions_of_the_format_are_read_or_refused(tmp_path):
    found = outcomes(tmp_path, mutants.SMALL, [mutants.old_version(SMALL), mutants.new_version(SMALL)])
    assert all(what == "read 2" or what == DAMAGED for what in found), found
    (big,) = outcomes(tmp_path, mutants.SMALL, [hostile.big_endian(hostile.arrow_file(hostile.TABLE))])
    assert big == "refused `result` cannot cross: its numbers are big endian."


@pytest.mark.row("AR16")
@pytest.mark.parametrize(
    ("start", "kind"), [(b"PAR1", "a Parquet file"), (b"\x89PNG\r\n", "a PNG picture"), (b"\x7fELF", "something else")]
)
def test_another_kind_of_file_is_named(tmp_path, start, kind):
    (found,) = outcomes(tmp_path, mutants.SMALL, [start + bytes(600)])
    assert found == f"refused `result` cannot cross: it is {kind}, not an Arrow file."


@pytest.mark.docker
@pytest.mark.row("AR3", "AR4", "AR6", "AR7", "AR8", "AR9")
def test_the_reader_of_r_refuses_or_reads_the_same_kinds_of_files(tmp_path):
    """One process of R for all of them; of the flipped bits every eleventh, which meets each bit of a byte."""
    flipped = list(mutants.bits(SMALL))[::11]
    found = outcomes(tmp_path, mutants.SMALL, [SMALL, *CLAIMS.values(), *flipped], "r")
    # Its arrow says of a buffer that claims too much that it cannot be decompressed, which is told as such.
    packed = "refused `result` cannot cross: it is compressed with a codec that is not available here."
    assert found[0] == "read 2"
    assert set(found[1:3]) <= {DAMAGED, packed}
    assert found[3 : len(CLAIMS) + 1] == [DAMAGED] * (len(CLAIMS) - 2)
    places = [*mutants.message_numbers(MIXED), *mutants.body_numbers(MIXED)]
    numbers = outcomes(tmp_path, mutants.MIXED, list(mutants.with_numbers(MIXED, iter(places)))[::2], "r")
    assert sum(what.startswith("refused") for what in numbers) > len(numbers) / 2
