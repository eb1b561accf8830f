"""A slot's folder takes the place of a job's, and a crash between the steps leaves nothing half done."""

import os
import stat
from dataclasses import replace
from pathlib import Path

import pytest
from landbridge_gateway.depot.folders import given_bytes, write_folder
from landbridge_gateway.depot.slots import Slots
from landbridge_gateway.engines.interface import EngineError, Order
from landbridge_gateway.model import Exit, Limits
from landbridge_gateway.warden.pool import SLOT_MEMORY, Kind, Pool
from landbridge_gateway.warden.warm import WarmPool

ATTEMPT = "job_0123456789abcdef.1"
KIND = Kind.of("r:4.6", "r", Limits())
ORDER = Order(ATTEMPT, "r:4.6", "r", Path("its folder"), Limits())


def test_what_a_job_was_given_is_counted_until_it_has_left_it(layout):
    folder = layout.job_folder(ATTEMPT)
    assert given_bytes(folder) == 0
    folder.inputs.mkdir(parents=True)
    assert given_bytes(folder) == 0
    for name, size in (("a", 1000), ("b", 24)):
        (folder.inputs / f"obj_{name}.arrow").write_bytes(bytes(size))
    assert given_bytes(folder) == 1024


@pytest.fixture
def slots(layout):
    return Slots(layout)


@pytest.fixture
def job(layout):
    folder = write_folder(layout, ATTEMPT, {"protocol": 1}, {})
    (folder.inputs / "obj_0123456789abcdef.arrow").write_text("table")
    return folder


def test_the_container_sees_the_job_in_the_folder_it_has(slots, job):
    slot = slots.make()
    descriptor = os.open(slots.folder(slot).path, os.O_RDONLY)  # as a mount would hold it
    out = slots.folder(slot).out.stat().st_ino
    folder = slots.hand_over(slot, ATTEMPT)
    assert folder.path == job.path
    assert sorted(path.name for path in Path(f"/proc/self/fd/{descriptor}").iterdir()) == [
        "go",
        "in",
        "job.json",
        "out",
        "slot",
    ]
    assert (folder.inputs / "obj_0123456789abcdef.arrow").read_text() == "table"
    assert folder.out.stat().st_ino == out
    assert stat.S_IMODE(folder.objects.stat().st_mode) == 0o777
    assert (slots.attempt_of(slot), slots.slot_of(ATTEMPT)) == (ATTEMPT, slot)
    os.close(descriptor)


def test_a_job_that_is_given_no_file_has_the_folder_of_the_slot_for_them(slots, layout):
    write_folder(layout, ATTEMPT, {"protocol": 1}, {})
    slot = slots.make()
    inputs = slots.folder(slot).inputs.stat().st_ino
    assert slots.hand_over(slot, ATTEMPT).inputs.stat().st_ino == inputs


def test_what_a_worker_would_make_first_is_there_before(slots):
    folder = slots.folder(slots.make())
    made = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.out.iterdir() if path.is_file()}
    assert made == dict.fromkeys(("events.jsonl", "stdout.log", "stderr.log", ".draft"), 0o666)


@pytest.mark.parametrize("name", ["job.json", "in", "1", "slot"])
def test_a_crash_on_the_way_leaves_a_slot_without_a_job(slots, layout, job, monkeypatch, name):
    slot = slots.make()
    moved, move = [], Path.rename

    def crash(self, target):
        moved.append("slot" if self == slots.folder(slot).path else self.name)
        if moved[-1] == name:
            raise OSError(5, "the power went")
        return move(self, target)

    monkeypatch.setattr(Path, "rename", crash)
    with pytest.raises(OSError):
        slots.hand_over(slot, ATTEMPT)
    monkeypatch.undo()
    assert moved[-1] == name
    assert slots.attempt_of(slot) is None
    slots.sweep([])
    assert list((layout.root / "slots").iterdir()) == []


def test_nothing_is_left_of_a_slot_whose_job_is_over(slots, layout, job):
    slot = slots.make()
    assert not slots.given(slot)
    slots.hand_over(slot, ATTEMPT)
    slots.give(slot)
    assert slots.given(slot)
    slots.remove(slot)
    assert list((layout.root / "slots").iterdir()) == []
    assert job.spec.exists()


def test_nobody_reads_before_the_worker_is_ready(slots):
    slot = slots.make()
    assert slots.open_pipe(slots.folder(slot)) is None
    reader = os.open(slots.folder(slot).path / "go", os.O_RDONLY | os.O_NONBLOCK)
    writer = slots.open_pipe(slots.folder(slot))
    os.write(writer, b"go\n")
    assert os.read(reader, 9) == b"go\n"
    os.close(writer)
    os.close(reader)


def test_names_from_elsewhere_have_no_folder(slots):
    for name in ("slot_../../x", "job_0123456789abcdef", "", "slot_0123456789abcdeF"):
        with pytest.raises(ValueError, match="not a slot"):
            slots.folder(name)


class NotedEngine:
    """Starts nothing, and notes what it was asked to remove."""

    name, warms = "noted", True

    def __init__(self):
        self.started, self.gone, self.resumed, self.now, self.seen = [], [], [], "sha256:1", "sha256:1"

    def image(self, _runtime):
        return self.seen

    def refresh(self, _runtime):
        self.seen = self.now

    def start(self, order):
        self.started.append(order.attempt)
        return self.now

    def remove(self, container):
        self.gone.append(container)

    def resume(self, container):
        self.resumed.append(container)


class TestHandingOut:
    @pytest.fixture
    def engine(self):
        return NotedEngine()

    @pytest.fixture
    def warm(self, engine, slots):
        made = WarmPool(engine, slots, Pool(4 * SLOT_MEMORY, 600, 2), lambda _: None)
        yield made
        made.close()

    @pytest.fixture
    def opened(self, warm, engine, slots, monkeypatch):
        """Opens a slot whose worker reads already."""
        readers = []
        made = slots.make

        def make():
            slot = made()
            readers.append(os.open(slots.folder(slot).path / "go", os.O_RDONLY | os.O_NONBLOCK))
            return slot

        monkeypatch.setattr(slots, "make", make)
        warm._open(KIND)
        yield readers
        for reader in readers:
            os.close(reader)

    def test_a_slot_is_used_once_and_by_its_own_kind(self, warm, opened, job):
        assert warm.take(Kind.of("r:4.6", "r", Limits(memory=2**30))) is None
        slot = warm.take(KIND)
        assert warm.take(KIND) is None
        warm.begin(slot, ORDER)
        assert warm.go(slot)
        assert os.read(opened[0], 9) == b"go\n"
        assert (warm.container(ATTEMPT), warm.attempt(slot.id)) == (slot.id, ATTEMPT)
        warm.removed(ATTEMPT)
        assert warm.container(ATTEMPT) == ATTEMPT

    def test_one_of_an_image_that_was_built_anew_is_not_handed_out(self, warm, opened, engine):
        engine.now = "sha256:2"
        warm._drop_unwanted()
        assert warm.take(KIND) is None
        assert engine.gone == engine.started
        assert warm.status() == []

    def test_in_a_burst_none_is_opened_until_one_of_its_jobs_has_ended(self, warm):
        warm.started(KIND, "job_0000000000000001.1", 0)
        assert warm._lacking() == KIND
        warm.started(KIND, "job_0000000000000002.1", 0)
        assert warm._lacking() is None
        warm._wake.clear()
        warm.over("job_0000000000000001.1")
        assert warm._wake.is_set()
        assert warm._lacking() == KIND

    @pytest.mark.parametrize("harm", ["ended", "paused"])
    def test_one_that_died_or_was_paused_while_it_waited_is_removed(self, warm, opened, engine, slots, harm):
        container = engine.started[0]
        assert warm.attempt(container) is None
        getattr(warm, harm)(container)
        assert (engine.gone, engine.resumed, warm.take(KIND), warm.status()) == ([container], [], None, [])
        assert warm._wake.is_set()
        assert not slots.folder(container).path.exists()

    def test_one_whose_worker_dies_in_the_moment_leaves_a_folder_to_start_cold(self, warm, opened, job):
        slot = warm.take(KIND)
        warm.begin(slot, ORDER)
        os.close(opened[0])
        assert not warm.go(slot)
        warm.leave(slot, ATTEMPT)
        assert sorted(path.name for path in job.path.iterdir()) == ["in", "job.json", "out"]
        assert warm.container(ATTEMPT) == ATTEMPT
        opened[0] = os.open(os.devnull, os.O_RDONLY)

    @pytest.mark.parametrize("read", [False, True])
    def test_one_that_ends_with_the_word_unread_began_nothing(self, warm, opened, job, read):
        slot = warm.take(KIND)
        warm.begin(slot, ORDER)
        assert warm.unheard(slot.id) is None  # nothing was said yet
        assert warm.go(slot)
        if read:
            assert os.read(opened[0], 9) == b"go\n"
        os.close(opened[0])
        assert warm.unheard(slot.id) is (None if read else slot)
        assert (slot.order, slot.pipe is None) == (ORDER, read)
        opened[0] = os.open(os.devnull, os.O_RDONLY)

    def test_one_that_is_to_end_begins_nowhere_else(self, warm, opened, job):
        slot = warm.take(KIND)
        warm.begin(slot, ORDER)
        assert warm.go(slot)
        warm.to_end(ATTEMPT)
        assert (warm.unheard(slot.id), slot.pipe) == (None, None)

    def test_a_folder_that_cannot_be_handed_over(self, warm, opened, engine):
        slot = warm.take(KIND)
        with pytest.raises(OSError):
            warm.begin(slot, replace(ORDER, attempt="job_ffffffffffffffff.1"))
        assert engine.gone == [slot.id]

    def test_the_next_warden_finds_a_job_that_was_handed_out_and_tells_it_again(self, warm, opened, engine, slots, job):
        slot = warm.take(KIND)
        warm.begin(slot, ORDER)
        slots.give(slot.id)
        os.close(slot.pipe)  # the warden dies with the word on its lips
        slot.pipe = None
        following = WarmPool(engine, slots, Pool(0, 600, 2), lambda _: None)
        assert following.recover({slot.id: None}) == {ATTEMPT: None}
        assert os.read(opened[0], 9) == b"go\n"
        assert following.container(ATTEMPT) == slot.id

    def test_without_the_word_nothing_ran_and_another_attempt_begins(self, warm, opened, engine, slots, job):
        slot = warm.take(KIND)
        warm.begin(slot, ORDER)
        following = WarmPool(engine, slots, Pool(0, 600, 2), lambda _: None)
        assert following.recover({slot.id: Exit(0)}) == {}
        assert engine.gone == [slot.id]
        assert following.container(ATTEMPT) == ATTEMPT

    def test_an_end_before_the_word_is_told_once_it_is_known_what_it_means(self, warm, opened, job):
        slot = warm.take(KIND)
        assert not warm.withheld(slot.id, Exit(137))
        warm.begin(slot, ORDER)
        assert warm.withheld(slot.id, Exit(137))
        assert warm.go(slot)
        assert warm.begun(slot) == Exit(137)
        assert not warm.withheld(slot.id, Exit(137))

    def test_one_that_ends_while_it_is_started_is_no_trouble(self, warm, engine, slots, monkeypatch):
        def start(order):
            warm.ended(order.attempt)
            raise EngineError("It is gone.", "")

        monkeypatch.setattr(engine, "start", start)
        with pytest.raises(EngineError):
            warm._open(KIND)
        assert warm.status() == []

    @pytest.mark.parametrize("step", ["taken", "handed over", "given", "found again"])
    def test_one_that_was_paused_before_its_job_began_goes_on(self, warm, opened, engine, slots, job, step):
        """The pause is heard of late, when the slot is no slot any more: at each step until the worker has the word."""
        slot = warm.take(KIND)
        if step != "taken":
            warm.begin(slot, ORDER)
        if step in ("given", "found again"):
            warm.go(slot)
        if step == "found again":
            warm = WarmPool(engine, slots, Pool(0, 600, 2), lambda _: None)
        warm.paused(slot.id)
        assert (engine.resumed, engine.gone) == ([slot.id], [])

    @pytest.mark.parametrize("found_again", [False, True])
    def test_a_job_that_has_begun_and_is_paused_stays_so(self, warm, opened, engine, slots, job, found_again):
        slot = warm.take(KIND)
        warm.begin(slot, ORDER)
        warm.go(slot)
        assert os.read(opened[0], 9) == b"go\n"
        os.close(opened[0])  # a worker that has the word reads no more
        if found_again:
            warm = WarmPool(engine, slots, Pool(0, 600, 2), lambda _: None)
        warm.paused(slot.id)
        assert (engine.resumed, engine.gone) == ([], [])
        opened[0] = os.open(os.devnull, os.O_RDONLY)

    def test_a_job_in_a_container_of_its_own_that_is_paused_stays_so(self, warm, engine, job):
        warm.paused(ATTEMPT)
        assert (engine.resumed, engine.gone) == ([], [])

    def test_the_next_warden_removes_what_only_waited(self, opened, engine, slots):
        following = WarmPool(engine, slots, Pool(0, 600, 2), lambda _: None)
        container = engine.started[0]
        ended = {"job_0000000000000000.1": Exit(1)}
        assert following.recover({container: None} | ended) == ended
        assert engine.gone == [container]

    def test_nothing_waits_after_the_end(self, warm, opened, engine, layout):
        warm.close()
        assert engine.gone == engine.started
        assert list((layout.root / "slots").iterdir()) == []
