"""Raw sockets against a real gateway: requests that two readers would read differently, slow ones, large ones, TLS."""

import socket
from contextlib import ExitStack

import pytest
from landbridge_gateway.web import reading

from tests.hostile.sockets import answered, connected, head, statuses
from tests.serving import Serving

IDLE = 500


@pytest.fixture(scope="module")
def serving(tmp_path_factory):
    with Serving(tmp_path_factory.mktemp("transport") / "home", "process") as made:
        yield made


def still_serves(serving):
    assert serving.call("")["protocol"] == 1


SMUGGLED = b"GET /api/v1/tokens HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
PAIRS = {
    "a length and chunks": ["Content-Length: 5", "Transfer-Encoding: chunked"],
    "chunks and a length": ["Transfer-Encoding: chunked", "Content-Length: 5"],
    "two lengths": ["Content-Length: 0", f"Content-Length: {len(SMUGGLED)}"],
    "the same length twice": ["Content-Length: 0", "Content-Length: 0"],
    "a list of lengths": ["Content-Length: 0, 5"],
    "two encodings": ["Transfer-Encoding: chunked", "Transfer-Encoding: identity"],
    "chunked twice": ["Transfer-Encoding: chunked", "Transfer-Encoding: chunked"],
    "another encoding": ["Transfer-Encoding: gzip, chunked"],
    "an encoding that is none": ["Transfer-Encoding: xchunked"],
    "a space before the colon": ["Transfer-Encoding : chunked"],
    "a tab in the name": ["Transfer-Encoding\t: chunked"],
    "a folded line": ["Transfer-Encoding:", " chunked"],
    "a vertical tab": ["Transfer-Encoding: \x0bchunked"],
    "a line feed alone": ["X: y\nTransfer-Encoding: chunked"],
    "a carriage return": ["X: y\rTransfer-Encoding: chunked"],
    "a NUL": ["X: y\0"],
    "a sign": ["Content-Length: +0"],
    "an underscore": ["Content-Length: 0_0"],
    "a negative length": ["Content-Length: -1"],
    "hexadecimal": ["Content-Length: 0x10"],
    "no name": [": x"],
    "no colon": ["X"],
    "two hosts": ["Host: evil.example"],
}


EVERY = {
    "landbridge-protocol": "1",
    "x-content-type-options": "nosniff",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}
OF_PAGES = {"referrer-policy": "same-origin", "cross-origin-opener-policy": "same-origin"}


@pytest.mark.parametrize(
    ("path", "more"),
    [
        ("/api/v1", {}),
        ("/api/v1/nothing", {}),
        ("/api/v1/events?after=1000000&wait=0.2", {}),  # held, and answered when its time is over
        ("/signin", OF_PAGES),
        ("/jobs/job_0000000000000000", OF_PAGES),
    ],
)
def test_every_answer_has_its_headers_and_each_once(serving, path, more):
    answer = answered(serving, head(serving, "Connection: close", path=path)).partition(b"\r\n\r\n")[0].decode()
    lines = [line.partition(": ") for line in answer.split("\r\n")[1:]]
    told = [(name.lower(), value) for name, _, value in lines]
    assert len(dict(told)) == len(told), told
    assert EVERY.items() | more.items() <= set(told), told
    policy = dict(told)["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'" if more else "sandbox"), policy


@pytest.mark.row("AU20")
@pytest.mark.parametrize("lines", PAIRS.values(), ids=PAIRS)
def test_what_two_readers_would_read_differently_is_refused_and_the_connection_closed(serving, lines):
    told = answered(
        serving, head(serving, *lines, method="POST", path="/api/v1/sign-in-links"), b"0\r\n\r\n" + SMUGGLED
    )
    assert statuses(told) == [400], told
    assert b"signin?code" not in told


@pytest.mark.row("AU20")
@pytest.mark.parametrize("path", ["/api/v1/jobs", "/api/v1/nothing", "/jobs"])
def test_a_body_that_nobody_read_is_not_the_next_request(serving, path):
    lines = ("Transfer-Encoding: chunked", "Content-Type: application/json")
    told = answered(serving, head(serving, *lines, method="POST", path=path), SMUGGLED)
    assert len(statuses(told)) == 1, told
    assert statuses(told)[0] >= 400
    for line in ("Content-Length: 5", "Content-Length: 900000"):
        told = answered(
            serving, head(serving, line, "Connection: close", method="POST", path=path), b"x" * 5 + SMUGGLED
        )
        assert len(statuses(told)) == 1, told


@pytest.mark.row("AU20")
def test_chunks_in_the_old_version_are_refused(serving):
    told = answered(
        serving, b"POST /api/v1 HTTP/1.0\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n" + SMUGGLED
    )
    assert statuses(told) == [400]


@pytest.mark.row("AU7")
@pytest.mark.parametrize("lines", [[], ["Host:"], ["Host: evil.example"], ["Host: 0.0.0.0"], ["Host: localhost."]])
def test_a_host_that_is_none_of_ours_is_refused(serving, lines):
    told = answered(serving, head(serving, *lines, "Connection: close", host=False))
    assert statuses(told)[0] in (400, 403), told


@pytest.mark.row("AU5", "AU7")
@pytest.mark.parametrize(
    "line",
    [
        "GET http://evil.example/api/v1",
        "GET //evil.example/api/v1",
        "get /api/v1",
        "CONNECT evil.example:80",
        "GET api",
    ],
)
def test_a_request_for_another_place_is_refused(serving, line):
    lines = f"{line} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {serving.token}\r\nConnection: close\r\n\r\n"
    assert statuses(answered(serving, lines.encode()))[0] in (400, 404, 405)


@pytest.mark.row("AU22")
def test_what_is_too_large_is_refused_with_its_status(serving):
    assert statuses(answered(serving, head(serving, "X: " + "x" * 100_000))) == [431]
    assert statuses(answered(serving, head(serving, *(f"X-{n}: x" for n in range(10_000))))) == [431]
    assert statuses(answered(serving, head(serving, *(f"X-{n}: x" for n in range(120))))) == [431]
    assert statuses(answered(serving, head(serving, path="/api/v1?text=" + "x" * 1024**2))) == [414]
    assert statuses(answered(serving, head(serving, *(f"X-{n}: x" for n in range(90)), "Connection: close"))) == [200]
    still_serves(serving)


@pytest.mark.row("AU21")
def test_many_idle_and_slow_connections_do_not_keep_others_waiting(serving):
    whole = head(serving)
    with ExitStack() as stack:
        opened = [stack.enter_context(connected(serving)) for _ in range(IDLE)]
        # A third says nothing, a third stops in a head, a third in a body that nobody with a token announced.
        for one in opened[1::3]:
            one.sendall(whole[:40])
        for one in opened[2::3]:
            one.sendall(b"POST /api/v1/jobs HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000000\r\n\r\n{")
        still_serves(serving)
        for one in opened[1:300:3]:
            one.sendall(whole[40:60])
        still_serves(serving)
        # And whoever sends the rest of its head is answered.
        opened[1].sendall(whole[60:])
        assert statuses(opened[1].recv(65536)) == [200]


@pytest.mark.row("AU21")
def test_slow_bodies_with_a_token_end_and_leave_threads_to_others(serving):
    with connected(serving) as slow:
        slow.sendall(head(serving, "Content-Length: 1000000", method="POST", path="/api/v1/objects?format=file") + b"x")
        still_serves(serving)


class Clock:
    """Time that goes on by itself at each look."""

    def __init__(self, step):
        self.now, self.step = 0.0, step

    def monotonic(self):
        self.now += self.step
        return self.now


@pytest.mark.row("AU21")
def test_a_body_that_drips_is_cut_off_and_one_that_flows_is_not(monkeypatch):
    def read(chunk, step, most):
        ours, theirs = socket.socketpair()
        with ours, theirs:
            monkeypatch.setattr(reading, "time", Clock(step))
            reader = reading.Reader(ours)
            reader.allow_body()
            for _ in range(most):
                theirs.sendall(b"x" * chunk)
                assert reader.read(chunk) == b"x" * chunk

    with pytest.raises(TimeoutError):
        read(1, 5.0, 100)
    read(64 * 1024, 5.0, 100)


@pytest.mark.row("AU21")
def test_a_head_that_drips_is_cut_off():
    assert not reading.is_slow(None)
    assert not reading.is_slow(100.0, lambda: 100.0 + reading.HEAD_SECONDS)
    assert reading.is_slow(100.0, lambda: 100.1 + reading.HEAD_SECONDS)


def test_requests_that_come_together_are_answered_in_their_order(serving):
    first, last = head(serving), head(serving, "Connection: close", path="/api/v1/jobs")
    told = answered(serving, first + first + last[:30], last[30:])
    assert statuses(told) == [200, 200, 200]
    assert told.rindex(b'"jobs"') > told.rindex(b'"protocol"')
