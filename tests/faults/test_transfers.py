"""Large objects over connections that break: each client goes on where it was, and the bytes are the same."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from landbridge import errors, transfers
from landbridge.client import Client, UploadSink

from tests.cutting import cutting
from tests.patience import PATIENCE, ended, first_line
from tests.serving import Serving

MEGABYTE = 1024**2
SIZE = 24 * MEGABYTE + 5
# Every connection breaks after a fifth of it: whoever begins anew each time never comes to its end.
LONG = 64 * MEGABYTE + 5
CARRIES = 12 * MEGABYTE
# Sent twice is what was on its way when a connection broke, and what is refused because the gateway had not noticed
# the break yet and was further than it had said. Both are a part of what one connection carries.
MOST_SENT = 3 * LONG
_PATIENCE_WITH_R = 4 * PATIENCE  # for all that one script does


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with Serving(tmp_path_factory.mktemp("gateway") / "home", engine="process") as serving:
        yield serving


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("large") / "large.bin"
    path.write_bytes(os.urandom(SIZE))
    return path


@pytest.fixture(scope="module")
def long(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("long") / "long.bin"
    path.write_bytes(os.urandom(LONG))
    return path


@pytest.fixture(autouse=True)
def over_http(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANDBRIDGE_SHARED_FILES", "0")


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def stored(gateway: Serving, reference: str) -> Path:
    (found,) = (gateway.home / "depot" / "objects").rglob(f"{reference}.*")
    return found


def r(gateway: Serving, url: str, code: str, **environ: str) -> str:
    script = (
        "library(landbridge)\n"
        "say <- function(error) { cat(class(error)[[1]], error$message, sep = ': ')}\n"
        "client <- landbridge:::current_client()\n"
        f"tryCatch({{ {code} }}, landbridge_error = say)\n"
    )
    environ = gateway.environ | {"LANDBRIDGE_URL": url, "LANDBRIDGE_TOKEN": gateway.token} | environ
    command = ["Rscript", "-e", script]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False, timeout=_PATIENCE_WITH_R)
    assert done.returncode == 0, done.stderr
    return done.stdout


def python_up(gateway: Serving, url: str, path: Path) -> str:
    client = Client(url, gateway.token)
    reference = client.upload(path, "bin")
    client.close()
    return reference


def r_up(gateway: Serving, url: str, path: Path) -> str:
    return r(gateway, url, f'cat(landbridge:::upload_object(client, "{path}", "file"))')


@pytest.mark.parametrize("up", [python_up, r_up])
def test_an_upload_goes_on_where_the_connection_broke(gateway: Serving, long: Path, up) -> None:
    with cutting(gateway.url, each=CARRIES, most=MOST_SENT) as way:
        reference = up(gateway, way.url, long)
        assert way.broken >= LONG // CARRIES
        assert way.carried < MOST_SENT, f"{way.broken} connections broke"
    assert digest(stored(gateway, reference)) == digest(long)
    assert list((gateway.home / "depot" / "intake").glob("*.part")) == []


def python_down(gateway: Serving, url: str, reference: str, target: Path) -> None:
    client = Client(url, gateway.token)
    client.download(reference).rename(target)
    client.close()


def r_down(gateway: Serving, url: str, reference: str, target: Path) -> None:
    code = f'path <- landbridge:::downloaded_path(client, "{reference}"); invisible(file.copy(path, "{target}"))'
    r(gateway, url, code)


@pytest.mark.parametrize("down", [python_down, r_down])
def test_a_download_goes_on_where_the_connection_broke(gateway: Serving, long: Path, tmp_path: Path, down) -> None:
    reference = python_up(gateway, gateway.url, long)
    with cutting(gateway.url, each=CARRIES, most=MOST_SENT) as way:
        down(gateway, way.url, reference, tmp_path / "fetched")
        assert way.broken >= LONG // CARRIES
        assert way.carried < MOST_SENT, f"{way.broken} connections broke"
    assert digest(tmp_path / "fetched") == digest(long)


def test_a_connection_that_breaks_again_and_again_is_given_up(gateway: Serving, large: Path) -> None:
    with cutting(gateway.url, *[0] * 100) as way:
        client = Client(way.url, gateway.token, pause=lambda _: None)
        with pytest.raises(errors.GatewayUnreachable):
            client.upload(large, "bin")
        client.close()
        message = f"landbridge_gateway_unreachable: No gateway answers at {way.url}."
        code = f'invisible(landbridge:::upload_object(client, "{large}", "file"))'
        assert r(gateway, way.url, code) == message


@pytest.mark.parametrize("language", ["python", "r"])
def test_bytes_that_changed_on_the_way_are_refused(gateway: Serving, large: Path, language: str) -> None:
    reference = python_up(gateway, gateway.url, large)
    path = stored(gateway, reference)
    client = Client(gateway.url, gateway.token)
    told = client.get(f"/objects/{reference}/digest", algorithm="sha256")
    assert told["digest"] == f"sha256:{digest(large)}"
    path.chmod(0o600)
    with path.open("r+b") as file:
        file.seek(SIZE // 2)
        file.write(b"something else")
    message = "The bytes that arrived do not have the digest of the object."
    if language == "python":
        with pytest.raises(errors.DigestMismatch) as refused:
            client.download(reference, sealed=True)
        assert refused.value.message == message
    else:
        code = f'invisible(landbridge:::downloaded_path(client, "{reference}"))'
        assert r(gateway, gateway.url, code) == f"landbridge_digest_mismatch: {message}"
    client.close()


def test_an_upload_that_a_new_start_forgot_is_begun_again(large: Path, tmp_path: Path, monkeypatch) -> None:
    """The gateway's process is killed in the middle of a part; its supervisor starts another."""
    with Serving(tmp_path / "home", engine="process") as serving:
        client = Client(serving.url, serving.token)
        killed: list[int] = []
        blocks = transfers._blocks

        def deadly(path: Path, offset: int = 0) -> Iterator[bytes]:
            for number, block in enumerate(blocks(path, offset)):
                if number == 5 and not killed:
                    killed.append(serving.kill("gateway"))
                yield block

        monkeypatch.setattr(transfers, "_blocks", deadly)
        reference = client.upload(large, "bin")
        client.close()
        assert serving.child("gateway") != killed[0]
        assert digest(stored(serving, reference)) == digest(large)


WRITES = """
import os, sys
import landbridge as lb
from landbridge.client import UploadSink, current

def half(path):
    with path.open("wb") as file:
        file.write(b"half")
        file.flush()
        print(path, flush=True)
        sys.stdin.read()

UploadSink(current()).put("arrow", half)
"""


def test_a_client_that_dies_with_its_file_half_written_disturbs_nobody(gateway: Serving, monkeypatch) -> None:
    """What it left is no object, is nobody else's to name, and goes a day later."""
    environ = gateway.environ | {"LANDBRIDGE_SHARED_FILES": "1"}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    dying = subprocess.Popen([sys.executable, "-c", WRITES], env=environ, **pipes)
    assert dying.stdout is not None and dying.stdin is not None
    left = Path(first_line(dying.stdout, "a client that writes a file"))
    dying.kill()
    ended(dying, "a client that was killed")
    dying.stdout.close()
    dying.stdin.close()
    assert left.read_bytes() == b"half"
    monkeypatch.setenv("LANDBRIDGE_SHARED_FILES", "1")
    client = Client(gateway.url, gateway.token)

    def write(path: Path) -> None:
        path.write_bytes(b"whole")

    def handed() -> bytes:
        return stored(gateway, UploadSink(client).put("bin", write)).read_bytes()

    assert handed() == b"whole"
    assert left.exists()
    os.utime(left, (1, 1))
    assert handed() == b"whole"
    assert not left.exists()
    client.close()


def test_a_machine_that_only_seems_to_share_its_files_sends_them_over_http(gateway: Serving, tmp_path: Path) -> None:
    """R's intake is another folder with another nonce, as on a machine with the same paths."""
    (tmp_path / "nonce").write_text("0" * 32)
    code = (
        f'client$asked <- TRUE; client$shared <- list(intake = "{tmp_path}", objects = "{tmp_path}", nonce = "0")\n'
        'id <- landbridge:::client_sink(client)$put("bin", function(to) writeLines("mine", to)); cat(id)'
    )
    assert stored(gateway, r(gateway, gateway.url, code)).read_text() == "mine\n"
    assert [path.name for path in tmp_path.iterdir()] == ["nonce"]


PYTHON_HOLDS = """
import sys
from pathlib import Path
from landbridge.client import current
way, given = sys.argv[1:]
client = current()
client.get("")
status = Path("/proc/self")
(status / "clear_refs").write_text("5")
def peak():
    return next(int(line.split()[1]) for line in (status / "status").open() if line.startswith("VmHWM:"))
held = peak()
client.upload(Path(given), "bin") if way == "up" else client.download(given)
print(peak() - held)
"""
R_HOLDS = """
peak <- function() as.integer(gsub("[^0-9]", "", grep("VmHWM", readLines("/proc/self/status"), value = TRUE)))
invisible(landbridge:::ask_gateway(client, "GET", ""))
cat("5", file = "/proc/self/clear_refs")
held <- peak()
ways <- list(
  up = function(path) landbridge:::upload_object(client, path, "file"),
  down = function(id) landbridge:::downloaded_path(client, id)
)
invisible(ways${way}("{given}"))
cat(peak() - held)
"""
MOST_HELD = 96 * 1024  # kilobytes; the object has twice as many and more


@pytest.mark.parametrize("way", ["up", "down"])
@pytest.mark.parametrize("language", ["python", "r"])
def test_no_client_holds_an_object_that_it_sends_or_fetches(gateway, tmp_path, language: str, way: str) -> None:
    path = tmp_path / "large.bin"
    with path.open("wb") as file:
        file.truncate(240 * MEGABYTE)
    given = str(path) if way == "up" else python_up(gateway, gateway.url, path)
    if language == "r":
        held = r(gateway, gateway.url, R_HOLDS.replace("{way}", way).replace("{given}", given))
    else:
        command = [sys.executable, "-c", PYTHON_HOLDS, way, given]
        environ = gateway.environ | {"LANDBRIDGE_SHARED_FILES": "0"}
        held = subprocess.run(
            command, env=environ, capture_output=True, text=True, check=True, timeout=4 * PATIENCE
        ).stdout
    assert int(held) < MOST_HELD
