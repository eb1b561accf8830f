"""What could run when it is opened: kept as bytes, handed out as bytes, and opened by no process of the gateway."""

import io
import marshal
import pickle
import re
import struct
import subprocess
import sys
import tarfile
import zipfile
import zlib

import pytest

from tests.gateway.conftest import ROOT, fetched, submission, submit
from tests.gateway.test_house import modules
from tests.hostile.answers import refused


class Bomb:
    """Would write a file where it is unpickled."""

    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return (open, (str(self.mark), "w"))


def zipped():
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("../../escaped", "x")
        archive.writestr("zeros", b"\0" * 10**6, zipfile.ZIP_DEFLATED)
    return stream.getvalue()


def tarred():
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        link = tarfile.TarInfo("link")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
        archive.addfile(tarfile.TarInfo("../../escaped"))
    return stream.getvalue()


def payloads(mark):
    png = b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sIIBBBBB", 13, b"IHDR", 100_000, 100_000, 8, 6, 0, 0, 0)
    return {
        "pickle": pickle.dumps(Bomb(mark)),
        "joblib": zlib.compress(pickle.dumps(Bomb(mark))),
        "marshal": marshal.dumps(compile("open('x', 'w')", "x", "exec")),
        "rds": b"RDX3\nX\n" + b"\0\0\0\3\0\4\3\0" + b"\0\0\0\5" * 50,
        "zip": zipped(),
        "zip in zip": zipped() + zipped(),
        "tar": tarred(),
        "numpy": b"\x93NUMPY\x01\x00F\x00{'descr': '|O', 'fortran_order': False, 'shape': (1,), }"
        + pickle.dumps(Bomb(mark)),
        "picture": png + zlib.compress(b"\0" * 10**6),
    }


@pytest.mark.row("DE1", "DE2", "UP7", "UI11")
@pytest.mark.parametrize("format", ["file", "pickle", "rds", "arrow", "png"])
def test_it_comes_back_as_the_bytes_that_were_sent_and_ran_nowhere(client, services, tmp_path, format):
    mark = tmp_path / "ran"
    for kind, data in payloads(mark).items():
        stored = client.post(f"/api/v1/objects?format={format}", data=data).json["object"]
        assert stored["size"] == len(data)
        assert fetched(client, stored["id"]) == data, kind
        assert client.get(f"/api/v1/objects/{stored['id']}/digest").json["digest"] == stored["digest"]
    assert not mark.exists()
    outside = [path.name for path in services.home.path.rglob("*") if path.name in ("escaped", "link", "zeros")]
    assert outside == []


@pytest.mark.row("DE1", "DE2")
def test_a_result_that_could_run_is_handed_out_signed_and_unopened(client, road, tmp_path):
    mark = tmp_path / "ran"
    job = submit(client)
    attempt = road.started()
    (road.folder(attempt).objects / "x.pkl").write_bytes(pickle.dumps(Bomb(mark)))
    node = {"kind": "native", "object": "new:x.pkl", "language": "python", "codec": "pickle", "class": ["Bomb"]}
    road.leave(attempt, result=node)
    told = client.get(f"/api/v1/jobs/{job['id']}").json["job"]["result"]
    assert told["signature"].startswith("hmac-sha256:")
    assert client.get(f"/jobs/{job['id']}").status_code == 200
    assert not mark.exists()


OPENERS = {
    *("pickle", "cloudpickle", "dill", "joblib", "marshal", "shelve", "yaml", "zipfile", "gzip", "bz2", "lzma", "zlib"),
    *("xml", "lxml", "PIL", "cairosvg", "markdown", "nbformat", "numpy", "pandas", "pyarrow", "polars", "rpy2"),
}
# Written by hand for a home of one's own; nothing of a request comes there.
BY_HAND = re.compile(r"environments/|keeping/|cli/|store/migrations")


@pytest.mark.row("DE7", "UP7", "UP12", "UI6", "UI7", "UI11")
def test_the_gateway_process_loads_nothing_that_opens_payloads():
    ours = OPENERS - {
        "pickle",
        "marshal",
        "zlib",
        "gzip",
        "bz2",
        "lzma",
        "zipfile",
        "xml",
    }  # the interpreter's own need some
    code = f"import sys, landbridge_gateway.web.server\nprint(sorted(set({sorted(ours)!r}) & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.row("DE6", "DE7", "UP7", "UP12")
def test_no_source_of_the_gateway_opens_runs_or_unpacks():
    forbidden = re.compile(rf"^\s*(?:import|from)\s+({'|'.join(OPENERS)})\b|(?<![\w.])(?:eval|exec|__import__)\(")
    for path in modules():
        place = str(path.relative_to(ROOT / "gateway" / "landbridge_gateway"))
        if not BY_HAND.match(place):
            found = [line for line in path.read_text().splitlines() if forbidden.search(line)]
            assert found == [], place


@pytest.mark.row("DE6")
def test_code_is_looked_at_and_not_run(client, road, tmp_path):
    mark = tmp_path / "ran"
    text = f"open({str(mark)!r}, 'w')\ndef f(x=open({str(mark)!r}, 'w')):\n    return 1\n"
    submit(client, submission({"language": "python", "function": {"type": "source", "name": "f", "text": text}}))
    r = f"file.create('{mark}')\nf <- function(x) 1\n"
    submit(client, submission({"language": "r", "function": {"type": "source", "name": "f", "text": r}}))
    assert not mark.exists()


DEEP = {
    "parentheses": "x = " + "(" * 60_000 + ")" * 60_000,
    "signs": "x = " + "-" * 250_000 + "1",
    "calls": "x = f" + "()" * 60_000,
    "lines": "1\n" * 120_000,
}


@pytest.mark.row("DE6", "UP11")
def test_code_made_to_break_its_parser_breaks_nothing():
    # In a process of its own: what is feared is that it dies, or grows.
    code = (
        "import resource, sys, threading\n"
        "from landbridge_gateway.errors import GatewayError\n"
        "from landbridge_gateway.web.syntax import check_syntax\n"
        "from tests.hostile.test_payloads import DEEP\n"
        "def peak():\n"
        "    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024\n"
        "before = peak()\n"
        "def look():\n"
        "    for text in [*DEEP.values(), 'x = [' + '0,' * 5_000_000 + ']']:\n"
        "        for language, runtime in (('python', 'python:3.14'), ('r', 'r:4.6')):\n"
        "            try:\n"
        "                check_syntax(language, runtime, {'type': 'source', 'name': 'f', 'text': text})\n"
        "            except GatewayError as refused:\n"
        "                assert refused.code == 'code_does_not_parse' and len(refused.message) < 200\n"
        "    print(peak() - before)\n"
        "seen = threading.Thread(target=look)\n"
        "seen.start(); seen.join()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert int(done.stdout) < 900  # grown by, in MB: what libraries take differs from machine to machine


@pytest.mark.row("UP14", "UP12")
@pytest.mark.parametrize(
    "kind",
    ["text/plain", "application/yaml", "text/yaml", "application/xml", "multipart/form-data; boundary=x", "", "json"],
)
def test_a_submission_is_json_and_says_so(client, road, kind):
    for place in ("/api/v1/jobs", "/api/v1/jobs/batch"):
        refused(client.post(place, data=b"a: !!python/object/apply:os.system [id]", content_type=kind), 415)


@pytest.mark.row("UP14", "UP5")
def test_an_object_is_no_form(client):
    for kind in ("multipart/form-data; boundary=x", "multipart/form-data", "multipart/mixed"):
        refused(client.post("/api/v1/objects?format=file", data=b"--x\r\n", content_type=kind), 415)
