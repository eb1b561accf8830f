"""The n-th call of the gateway to the system fails, on the way of a submission and of its end: a typed answer, nothing
half-done, no success that the disk did not take, and all is well again without a new start."""

from __future__ import annotations

import json
import resource
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.faults.cells import body, given, object_of
from tests.faults.history import broken_promises, stirring
from tests.patience import PATIENCE, first_line, until
from tests.serving import Serving

TYPED = {"disk_full": 507, "disk_failed": 500, "overloaded": 503, "internal_error": 500}
CASES = [
    *[("fsync", error, number) for error in ("EIO", "ENOSPC", "EINTR") for number in (1, 2)],
    *[("fdatasync", error, number) for error in ("EIO", "ENOSPC") for number in (1, 2, 3)],
    *[("pwrite64", error, number) for error in ("EIO", "ENOSPC", "EINTR") for number in (1, 4)],
    *[("write", error, number) for error in ("EIO", "ENOSPC", "EINTR") for number in (1, 3)],
    *[("rename", error, number) for error in ("EIO", "ENOSPC") for number in (1, 2)],
    *[("mkdir", error, number) for error in ("EIO", "ENOSPC") for number in (1, 2)],
    *[("link", "EIO", 1), ("openat", "EMFILE", 1), ("openat", "EMFILE", 3), ("openat", "EIO", 2)],
]


@contextmanager
def failing(pid: int, call: str, error: str, number: int) -> Iterator[None]:
    """The n-th such call of each thread of the process fails."""
    tracer = subprocess.Popen(
        ["strace", "-f", "-p", str(pid), "-o", "/dev/null", "-e", f"inject={call}:error={error}:when={number}"],
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        word = first_line(tracer.stderr, "strace")
        assert "attached" in word, word
        yield
    finally:
        tracer.terminate()
        tracer.communicate(timeout=PATIENCE)


class Submitting:
    """One submission, tried until it is taken; every refusal is held against what may be answered."""

    def __init__(self, serving: Serving, key: str) -> None:
        self._serving, self._key = serving, key
        self.object: str | None = None
        self.job: str | None = None
        self.refusals: list[str] = []

    def once(self) -> bool:
        try:
            if self.object is None:
                self.object = self._upload()
            if self.job is None:
                text = json.dumps(body("python", "", "")).replace("obj_given", self.object)
                answer = self._serving.call("/jobs", "POST", json.loads(text), **{"Idempotency-Key": self._key})
                self.job = answer["job"]["id"]
        except urllib.error.HTTPError as refused:
            told = json.loads(refused.read())["error"]
            assert TYPED.get(told["code"]) == refused.code, told
            assert str(self._serving.home) not in json.dumps(told)
            self.refusals.append(told["code"])
        return self.job is not None

    def _upload(self) -> str:
        request = urllib.request.Request(f"{self._serving.url}/api/v1/objects?format=file", given(), method="POST")
        request.add_header("Authorization", f"Bearer {self._serving.token}")
        request.add_header("Content-Type", "application/octet-stream")
        with urllib.request.urlopen(request, timeout=60) as answer:
            return str(json.load(answer)["object"]["id"])

    def end(self) -> dict[str, Any]:
        def ended() -> dict[str, Any] | None:
            found = self._serving.call(f"/events?after=0&wait=20&ends=only&job={self.job}")
            return found.get("jobs", {}).get(self.job)

        return until(ended, f"the end of {self.job}", instead=lambda: self._serving.call(f"/jobs/{self.job}"))


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with Serving(tmp_path_factory.mktemp("failing") / "home", engine="process") as made:
        yield made


def ended_well(serving: Serving, one: Submitting) -> None:
    end = one.end()
    if end["state"] == "succeeded":
        object_of(end["result"])
    else:
        # What the disk did not take is told as that.
        assert (end["state"], end["cause"]) == ("failed", "disk"), end["error"]


@pytest.mark.parametrize(("call", "error", "number"), CASES)
def test_a_call_that_fails_is_told_and_forgotten(serving: Serving, call: str, error: str, number: int) -> None:
    one = Submitting(serving, f"{call} {error} {number}")
    with failing(serving.child("gateway"), call, error, number):
        taken = one.once()
        if taken:
            ended_well(serving, one)
    if not taken:
        assert one.once(), one.refusals
        ended_well(serving, one)
    after = Submitting(serving, f"after {call} {error} {number}")
    assert after.once(), after.refusals
    assert after.end()["state"] == "succeeded"


def test_writes_that_stop_in_the_middle(serving: Serving) -> None:
    """A limit on the size of files cuts a write short, and refuses the next one."""
    pid = serving.child("gateway")
    before = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    one = Submitting(serving, "short")
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (len(given()) - 1000, before[1]))
    try:
        assert not one.once()
    finally:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, before)
    assert one.refusals == ["disk_full"]
    assert one.once()
    assert one.end()["state"] == "succeeded"


def test_what_is_left_after_all_of_it(serving: Serving) -> None:
    """The last test of this file: the history of all the others."""
    serving.stop()
    # What failed while nobody waited for it, as digests may have, is done by the next start.
    serving.start()
    until(lambda: not stirring(serving.home), "a quiet home", instead=lambda: stirring(serving.home), pause=0.1)
    serving.stop()
    assert broken_promises(serving.home, {}) == []
