"""Bytes that are too many, too few, packed, cut short, or others than was said: refused, and nothing of them stays."""

import hashlib
import socket
import time

import pytest

from tests.hostile.sockets import answered, connected, everything, head, statuses
from tests.serving import Serving

MOST = 1024**2


@pytest.fixture(scope="module")
def serving(tmp_path_factory):
    with Serving(tmp_path_factory.mktemp("uploads") / "home", "process", LANDBRIDGE_MAX_OBJECT=str(MOST)) as made:
        yield made


@pytest.fixture(autouse=True)
def nothing_stays(serving):
    """Whatever was refused left no object and took no room."""
    before = kept(serving)
    yield
    deadline = time.monotonic() + 30
    while kept(serving) != before and time.monotonic() < deadline:
        serving.call("/events?wait=0.1")
    assert kept(serving) == before


def kept(serving):
    folders = ("objects", "intake", "tmp")
    return sorted(str(path) for name in folders for path in (serving.home / "depot" / name).rglob("*"))


def upload(serving, *lines):
    kind = "Content-Type: application/octet-stream"
    return head(serving, kind, "Connection: close", *lines, method="POST", path="/api/v1/objects?format=file")


def chunked(data, size=65536):
    parts = [data[at : at + size] for at in range(0, len(data), size)]
    return [b"%x\r\n%s\r\n" % (len(part), part) for part in parts] + [b"0\r\n\r\n"]


@pytest.mark.row("UP1")
def test_a_length_beyond_the_limit_is_refused_before_a_byte_is_read(serving):
    told = answered(serving, upload(serving, f"Content-Length: {MOST + 1}"))
    assert statuses(told) == [413]
    assert b"too_large" in told


@pytest.mark.row("UP2")
def test_chunks_beyond_the_limit_are_refused_where_they_cross_it(serving):
    told = answered(serving, upload(serving, "Transfer-Encoding: chunked"), *chunked(bytes(2 * MOST)))
    assert statuses(told) == [413]
    assert b"too_large" in told


@pytest.mark.row("UP3", "UP8")
@pytest.mark.parametrize("sent", [0, 1, MOST // 2, MOST * 99 // 100])
def test_a_body_shorter_than_was_said_is_no_object(serving, sent):
    with connected(serving) as opened:
        opened.sendall(upload(serving, f"Content-Length: {MOST}") + bytes(sent))
        opened.shutdown(socket.SHUT_WR)
        told = everything(opened)
    assert statuses(told) in ([400], [])


@pytest.mark.row("UP8")
def test_chunks_that_end_too_early_are_no_object(serving):
    with connected(serving) as opened:
        opened.sendall(upload(serving, "Transfer-Encoding: chunked") + b"".join(chunked(bytes(100_000))[:-1]))
        opened.shutdown(socket.SHUT_WR)
        told = everything(opened)
    assert statuses(told) in ([400], [])


@pytest.mark.row("UP3", "UP4")
def test_a_body_longer_than_was_said_has_another_digest(serving):
    digest = f"Landbridge-Digest: sha256:{hashlib.sha256(bytes(100)).hexdigest()}"
    told = answered(serving, upload(serving, "Content-Length: 60", digest) + bytes(100))
    assert statuses(told)[0] == 422
    assert b"digest_mismatch" in told


@pytest.mark.row("UP6")
@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "identity, gzip"])
def test_a_packed_body_is_refused(serving, encoding):
    told = answered(serving, upload(serving, "Content-Length: 10", f"Content-Encoding: {encoding}") + bytes(10))
    assert statuses(told) == [415]
