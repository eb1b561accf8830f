"""Both clients before servers that are no gateway: the same typed errors in bounded memory, and no token elsewhere."""

from __future__ import annotations

import json
import os
import pickle
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import landbridge as lb
import pytest
from landbridge import client as client_module
from landbridge.client import Client
from landbridge.job import Job
from landbridge.values import decode

from tests.hostile.liars import JOB, Liar

MODES = ("html", "half", "list", "old", "new", "silent", "moved", "nameless", "stranger", "endless")
OLD_OR_NEW = "Install a client and a gateway of the same version."
EXPECTED = {
    "html": ("bad_answer", "URL answers, but it is no Landbridge gateway."),
    "half": ("bad_answer", "The gateway at URL answered something that is no JSON object."),
    "list": ("bad_answer", "The gateway at URL answered something that is no JSON object."),
    "old": ("protocol_mismatch", "The gateway at URL speaks protocol 0, this client 1."),
    "new": ("protocol_mismatch", "The gateway at URL speaks protocol 2, this client 1."),
    "silent": ("bad_answer", "The gateway at URL answered 500 without saying why."),
    "moved": ("bad_answer", "URL redirects to another place, which a gateway never does."),
    "nameless": ("bad_answer", "The gateway at URL answered with a job that has no id or no state."),
    "stranger": ("bad_answer", f"The gateway at URL answered with job job_0000000000000002 where {JOB} was asked for."),
    "endless": ("bad_answer", "The gateway at URL answered more than 64 MiB."),
}
# Of what was sent the clients read 64 MiB, and the kernel took as much more as it keeps of one connection.
KEPT_BY_KERNEL = sum(int(Path(f"/proc/sys/net/ipv4/tcp_{way}mem").read_text().split()[2]) for way in "rw")
MOST_SENT = 66 * 2**20 + KEPT_BY_KERNEL
R_CALLS = """
library(landbridge)
given <- commandArgs(TRUE)
for (url in given) {
  told <- tryCatch({
    connect(url, "lb_secret")
    get_job("job_0000000000000001")
    c("none", "")
  }, error = function(error) c(paste(error$code), error$message))
  cat(jsonlite::toJSON(told), "\\n")
}
"""


@pytest.fixture
def liar() -> Iterator[Liar]:
    with Liar() as server, Liar() as elsewhere:
        server.elsewhere = elsewhere.url
        yield server
        assert elsewhere.tokens == []
        server.shutdown()
        elsewhere.shutdown()


@pytest.fixture(autouse=True)
def _no_client_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "_chosen", [])


def in_python(url: str) -> tuple[str, str]:
    try:
        lb.connect(url, "lb_secret")
        lb.get(JOB)
    except lb.errors.LandbridgeError as error:
        return error.code, error.message
    return "none", ""


def in_r(*urls: str, **environ: str) -> list[tuple[str, str]]:
    done = subprocess.run(
        ["Rscript", "--vanilla", "-e", R_CALLS, *urls],
        env=os.environ | environ,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return [tuple(json.loads(line)) for line in done.stdout.splitlines()]


@pytest.mark.row("CL1", "CL2", "CL4", "CL8")
def test_what_is_no_gateways_answer_is_told_alike(liar: Liar) -> None:
    addresses = [f"{liar.url}/{mode}" for mode in MODES]
    python = [in_python(url) for url in addresses]
    assert liar.sent < MOST_SENT
    liar.sent = 0
    r = in_r(*addresses)
    assert liar.sent < MOST_SENT
    for mode, url, ours, theirs in zip(MODES, addresses, python, r, strict=True):
        code, message = EXPECTED[mode]
        assert ours == theirs == (code, message.replace("URL", url)), mode


@pytest.mark.row("CL3")
def test_a_certificate_that_nobody_vouches_for_is_refused_and_no_token_sent(liar: Liar, tmp_path: Path) -> None:
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"),
            *("-days", "1", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"),
            *("-keyout", key, "-out", certificate),
        ],
        check=True,
        capture_output=True,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    liar.socket = context.wrap_socket(liar.socket, server_side=True)
    url = liar.url.replace("http:", "https:") + "/half"
    expected = ("gateway_unreachable", f"No gateway answers at {url}.")
    assert in_python(url) == expected
    assert in_r(url) == [expected]
    assert liar.tokens == []


class Objects:
    """A source whose only object is a file."""

    wanted = None

    def __init__(self, path: Path) -> None:
        self._path = path

    def path(self, reference: str) -> Path:
        return self._path


NAMES = ("../../evil", "/etc/evil", "..", ".", "", "a/../../evil", "..\\evil", "a\nb")


@pytest.mark.row("CL5")
def test_a_result_is_written_nowhere_but_into_a_folder_of_its_own(tmp_path: Path) -> None:
    held = tmp_path / "obj_0000000000000001.bin"
    held.write_bytes(b"x")
    folders = set()
    for name in NAMES:
        path = decode({"kind": "file", "object": held.stem, "name": name}, Objects(held))
        assert path.parent.name.startswith("landbridge-file-")
        assert [inside.name for inside in path.parent.iterdir()] == [path.name]
        folders.add(path.parent)
    assert len(folders) == len(NAMES)
    code = """
    given <- jsonlite::fromJSON(commandArgs(TRUE)[[1]])
    source <- list(path = function(reference) commandArgs(TRUE)[[2]])
    for (name in given) {
      path <- landbridge:::decode_file(list(object = "obj_0000000000000001", name = name), source)
      inside <- list.files(dirname(path), all.files = TRUE, no.. = TRUE)
      stopifnot(startsWith(basename(dirname(path)), "landbridge-file-"), identical(inside, basename(path)))
      stopifnot(identical(normalizePath(dirname(dirname(path))), normalizePath(tempdir())))
    }
    stopifnot(length(list.files(tempdir(), "^landbridge-file-")) == length(given), !file.exists("/etc/evil"))
    """
    subprocess.run(["Rscript", "--vanilla", "-e", code, json.dumps(NAMES), str(held)], check=True, timeout=60)


@pytest.mark.row("DE5")
def test_closures_and_environments_are_refused_by_the_argument_that_holds_them() -> None:
    def outer(f: object) -> object:
        return f

    with pytest.raises(lb.errors.ValueCannotCross, match=r"^`f` cannot cross: it is the function `<lambda>`"):
        lb.submit(outer, lambda: 1)
    code = """
    library(landbridge)
    connect("http://127.0.0.1:9", "x")
    for (value in list(local({ k <- 1; function() k }), new.env())) {
      told <- tryCatch(submit(function(f) f, f = value), error = function(error) error)
      stopifnot(identical(told$code, "value_cannot_cross"), startsWith(told$message, "`f` cannot cross: it is "))
    }
    """
    done = subprocess.run(["Rscript", "--vanilla", "-e", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.row("CL7")
def test_a_handle_that_was_pickled_works_or_is_refused_and_submits_nothing(liar: Liar) -> None:
    handle = Job(Client(f"{liar.url}/half", "lb_secret"), {"id": JOB, "state": "running"}, 1)
    with pytest.raises((lb.errors.LandbridgeError, TypeError)):
        pickle.loads(pickle.dumps(handle)).refresh()
    assert liar.tokens in ([], ["Bearer lb_secret"])
