"""The warden with an engine that does as it is told: what it says of attempts, and which it ends."""

from __future__ import annotations

import json
import os
import queue
import threading
from collections.abc import Callable
from typing import Any

import pytest
from landbridge_gateway.home import Home
from landbridge_gateway.model import Exit, Limits, Usage
from landbridge_gateway.warden import output
from landbridge_gateway.warden.link import WardenLink
from landbridge_gateway.warden.pool import SLOT_MEMORY, Pool
from landbridge_gateway.warden.server import Warden

ATTEMPT, TOKEN = "job_0000000000000000.1", "att_0000000000000000"
LONG = 20  # seconds that nothing takes


class ObedientEngine:
    """Starts nothing, and lists nothing until ``listed`` says so."""

    name, warms, near = "obedient", False, True

    def __init__(self) -> None:
        self.may_start = threading.Event()
        self.listed: dict[str, Exit | None] = {}
        self.counted: Usage | None = None
        self.stopped: queue.Queue[tuple[str, int]] = queue.Queue()
        self.over = threading.Event()

    def runtimes(self) -> list[Any]:
        return []

    def start(self, _: Any) -> str:
        assert self.may_start.wait(LONG)
        return "sha256:x"

    def built(self, _: str) -> None:
        return None

    def found(self) -> dict[str, Exit | None]:
        return self.listed

    def usage(self, _: str) -> Usage | None:
        return self.counted

    def stop(self, attempt: str, grace: int) -> None:
        self.stopped.put((attempt, grace))

    def watch(self, *_: Any) -> None:
        self.over.wait()


class WarmingEngine(ObedientEngine):
    """Starts slots as well; what ends and what somebody pauses is told by calling ``ended`` and ``paused``."""

    warms = True

    def __init__(self) -> None:
        super().__init__()
        self.may_start.set()
        self.slots: queue.Queue[Any] = queue.Queue()
        self.resumed: queue.Queue[str] = queue.Queue()
        self.removed: queue.Queue[str] = queue.Queue()
        self.ended: Callable[[str, Exit], None] = lambda *_: None
        self.paused: Callable[[str], None] = lambda _: None
        self.watched = threading.Event()

    def start(self, order: Any) -> str:
        if order.warm:
            self.slots.put(order)
        return super().start(order)

    def image(self, _: str) -> str:
        return "sha256:x"

    def refresh(self, _: str) -> None:
        """It is the same."""

    def watch(self, ended: Callable[[str, Exit], None], paused: Callable[[str], None]) -> None:
        self.ended, self.paused = ended, paused
        self.watched.set()
        self.over.wait()

    def resume(self, attempt: str) -> None:
        self.resumed.put(attempt)

    def forget(self, attempt: str) -> None:
        """There is nothing to forget."""

    def remove(self, attempt: str) -> None:
        self.removed.put(attempt)


class Ear:
    """The gateway's end: sends what it is told to, and keeps what it hears."""

    def __init__(self, home: Home, lease: float) -> None:
        self.said: queue.Queue[dict[str, Any]] = queue.Queue()
        self.link = WardenLink(home.socket, self.said.put, lease)

    def next(self, kind: str) -> dict[str, Any]:
        while True:
            event = self.said.get(timeout=LONG)
            if event["event"] == kind:
                return event


@pytest.fixture
def engine():
    made = ObedientEngine()
    yield made
    made.may_start.set()
    made.over.set()


@pytest.fixture
def warden(tmp_path, engine):
    return served(tmp_path, engine, Pool(0, 0, 2))


def served(tmp_path, engine, pool):
    home = Home(tmp_path / "home")
    home.prepare()
    made = Warden(home, engine, 1, pool)
    made._layout.prepare()
    ready = threading.Event()
    threading.Thread(target=made.serve, args=(ready.set,), daemon=True).start()
    assert ready.wait(LONG)
    return made


@pytest.fixture
def ear(warden):
    made = Ear(warden._home, 60)
    made.link.start()
    made.next("found")
    yield made
    made.link.close()


def laid_out(warden, disk=Limits.disk, attempt=ATTEMPT, **more):
    """A job's folder, and the command to start it."""
    folder = warden._layout.job_folder(attempt)
    for path in (folder.inputs, folder.objects, folder.files):
        path.mkdir(parents=True)
    folder.spec.write_text(json.dumps({"token": TOKEN}))
    limits = Limits(disk=disk).as_json()
    return folder, {"attempt": attempt, "runtime": "r", "language": "r", "limits": limits, "token": TOKEN} | more


def test_every_word_of_an_attempt_carries_its_token(warden, ear, engine):
    folder, start = laid_out(warden)
    engine.may_start.set()
    ear.link.send("start", **start)
    assert ear.next("started")["token"] == TOKEN
    folder.result.with_suffix(".tmp").write_text("{}")
    folder.result.with_suffix(".tmp").rename(folder.result)
    assert ear.next("finished")["token"] == TOKEN


def test_it_says_whether_workers_are_on_its_machine(ear):
    ear.link.send("hello")
    assert ear.next("hello")["near"] is True


@pytest.mark.parametrize("verb", ["start", "call"])
def test_one_whose_folder_cannot_be_watched_is_told_as_not_started(warden, ear, engine, monkeypatch, verb):
    def full(*_):
        raise OSError(28, "No space left on device")

    _, start = laid_out(warden)
    monkeypatch.setattr(warden._watch, "add", full)
    ear.link.send(verb, **start, session="job_1111111111111111.1")
    told = ear.next("start_failed")
    assert (told["attempt"], told["token"]) == (ATTEMPT, TOKEN)
    assert told["message"] == "The job's folder cannot be watched: No space left on device."
    assert "max_user_watches" in told["hint"]
    ear.link.send("found")
    assert ear.next("found")["attempts"] == {}


def test_what_there_is_is_told_also_where_folders_cannot_be_watched(warden, ear, engine, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    laid_out(warden)
    engine.listed = {ATTEMPT: None}
    monkeypatch.setattr(warden._watch, "add", full)
    ear.link.send("found")
    assert ear.next("found")["attempts"] == {ATTEMPT: None}


def test_a_new_warden_knows_the_token_from_the_folder(warden, ear, engine):
    laid_out(warden)
    engine.listed = {ATTEMPT: None}
    ear.link.send("found")
    assert ear.next("found") == {"event": "found", "attempts": {ATTEMPT: None}, "tokens": {ATTEMPT: TOKEN}}


def test_what_the_kernel_did_is_told_with_what_there_is(warden, ear, engine):
    laid_out(warden)
    engine.listed, engine.counted = {ATTEMPT: None}, Usage(oom_kills=1)
    ear.link.send("found")
    assert ear.next("found")["usage"] == {ATTEMPT: Usage(oom_kills=1).as_json()}


def test_what_is_being_started_is_found_before_the_engine_lists_it(warden, ear, engine):
    """F3, F4: else the same job would be started twice."""
    _, start = laid_out(warden)
    ear.link.send("start", **start)
    ear.link.send("found")
    assert ear.next("found")["attempts"] == {ATTEMPT: None}


@pytest.mark.parametrize(
    ("counted", "told"), [(Usage(peak=5), False), (Usage(oom_kills=2), True), (Usage(refused=1), True)]
)
def test_what_the_kernel_did_is_told_with_the_result_where_it_did_something(warden, ear, engine, counted, told):
    folder, start = laid_out(warden)
    engine.counted = counted
    engine.may_start.set()
    ear.link.send("start", **start)
    ear.next("started")
    folder.error.with_suffix(".tmp").write_text("{}")
    folder.error.with_suffix(".tmp").rename(folder.error)
    assert ear.next("finished").get("usage") == (counted.as_json() if told else None)


def test_a_job_that_writes_more_than_it_may_is_ended_and_others_are_not(warden, ear, engine, monkeypatch):
    """F14."""
    monkeypatch.setattr(output, "_ROUND", 0.01)
    folder, start = laid_out(warden, disk=1000)
    engine.may_start.set()
    ear.link.send("start", **start)
    ear.next("started")
    (folder.files / "a").write_bytes(b"x" * 900)
    (folder.files / "b").write_bytes(b"x" * 900)
    assert engine.stopped.get(timeout=LONG) == (ATTEMPT, 0)


def test_a_warden_that_is_asked_answers(warden):
    """Three beats a lease, and each finds the last question answered."""
    ear = Ear(warden._home, 0.3)
    ear.link.start()
    ear.next("found")
    answered = threading.Semaphore(0)
    heard = ear.link._lease.heard
    ear.link._lease.heard = lambda: answered.release() or heard()
    for _ in range(3):
        assert answered.acquire(timeout=LONG)
    ear.link.close()


class TestSlots:
    @pytest.fixture
    def engine(self):
        made = WarmingEngine()
        yield made
        made.over.set()

    @pytest.fixture
    def warden(self, tmp_path, engine):
        made = served(tmp_path, engine, Pool(SLOT_MEMORY, 600, 2))
        assert engine.watched.wait(LONG)
        yield made
        made._warm.close()

    @pytest.fixture
    def slot(self, warden, ear, engine):
        """One that waits, after a first job that was started cold; its worker reads."""
        _, start = laid_out(warden)
        ear.link.send("start", **start)
        assert ear.next("started")["warm"] is False
        order = engine.slots.get(timeout=LONG)
        reader = os.open(order.folder / "go", os.O_RDONLY | os.O_NONBLOCK)
        while not any(one["ready"] for one in ear.next("pool")["slots"]):
            pass
        self.reader = reader
        yield order.attempt
        os.close(reader)

    def test_a_slot_that_waits_is_taken_out_and_replaced(self, engine, slot):
        engine.paused(slot)
        assert engine.removed.get(timeout=LONG) == slot
        assert engine.slots.get(timeout=LONG).attempt != slot
        assert engine.resumed.empty()

    def test_a_slot_that_was_handed_a_job_before_its_pause_is_heard_of_goes_on(self, warden, ear, engine, slot):
        _, start = laid_out(warden, attempt="job_0000000000000001.1")
        ear.link.send("start", **start)
        assert ear.next("started")["warm"] is True
        engine.paused(slot)
        assert engine.resumed.get(timeout=LONG) == slot
        assert engine.removed.empty()

    def handed(self, warden, ear, **more):
        """The folder of a job that was handed the slot."""
        folder, start = laid_out(warden, attempt="job_0000000000000001.1", **more)
        ear.link.send("start", **start)
        assert ear.next("started")["warm"] is True
        return folder

    def test_a_job_whose_slot_ends_with_the_word_unread_is_started_anew(self, warden, ear, engine, slot):
        folder = self.handed(warden, ear)
        engine.ended(slot, Exit(137))
        again = ear.next("started")
        assert (again["attempt"], again["warm"], again["token"]) == ("job_0000000000000001.1", False, TOKEN)
        assert engine.removed.get(timeout=LONG) == slot
        assert sorted(path.name for path in folder.path.iterdir()) == ["in", "job.json", "out"]
        assert warden._warm.container("job_0000000000000001.1") == "job_0000000000000001.1"

    def test_one_whose_slot_ends_with_the_word_read_has_ended(self, warden, ear, engine, slot):
        self.handed(warden, ear)
        assert os.read(self.reader, 9) == b"go\n"
        engine.ended(slot, Exit(137))
        assert ear.next("exited")["exit"]["code"] == 137

    @pytest.mark.parametrize("verb", ["stop", "remove"])
    def test_one_that_was_to_end_is_not_started_anew(self, warden, ear, engine, slot, verb):
        self.handed(warden, ear)
        ear.link.send(verb, attempt="job_0000000000000001.1")
        told = (engine.stopped if verb == "stop" else engine.removed).get(timeout=LONG)
        assert slot in (told, told[0])
        engine.ended(slot, Exit(143))
        if verb == "stop":
            assert ear.next("exited")["exit"]["code"] == 143
        assert warden._under_way == set()
