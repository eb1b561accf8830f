"""The folders of a session's calls, of which the next is made ahead."""

import stat

import pytest
from landbridge_gateway.depot.call_folders import CallFolders, make_call, open_next, remove_call
from landbridge_gateway.depot.layout import Layout

HELD, CALL = "job_0000000000000000.1", "job_1111111111111111.1"
MADE = {"events.jsonl", "stdout.log", "stderr.log", ".draft"}


@pytest.fixture
def layout(tmp_path):
    made = Layout(tmp_path / "depot")
    made.prepare()
    made.job_folder(HELD).calls.mkdir(parents=True)
    return made


@pytest.fixture
def folders(layout):
    return CallFolders(layout)


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def names(path):
    return {inside.name for inside in path.iterdir()}


def check(layout, attempt):
    """It is as a call finds it."""
    call = layout.job_folder(attempt)
    assert call.path.resolve() == (layout.job_folder(HELD).calls / attempt).resolve()
    assert mode(call.path) == 0o755
    assert [mode(path) for path in (call.out, call.objects, call.files)] == [0o777] * 3
    assert not names(call.objects) | names(call.files)


def test_one_that_is_made_when_it_is_wanted(layout):
    make_call(layout, HELD, CALL)
    check(layout, CALL)
    assert names(layout.job_folder(CALL).path) == {"out"}


def test_one_that_was_made_before(layout, folders):
    for _ in range(2):
        folders.prepare(HELD)
    job = folders.take(HELD)
    assert folders.take(HELD) is None
    attempt = f"{job}.1"
    call = layout.job_folder(attempt)
    assert mode(call.path) == 0o700  # closed to the worker of the call before
    open_next(layout, HELD, attempt)
    check(layout, attempt)
    assert (mode(call.spec), call.spec.read_text()) == (0o644, "")
    left = [path for path in call.out.iterdir() if path.is_file()]
    assert {path.name for path in left} == MADE
    assert {(mode(path), path.stat().st_size) for path in left} == {(0o666, 0)}
    assert names(layout.job_folder(HELD).calls) == {attempt}


def test_one_left_by_a_call_that_was_not_begun_is_replaced(layout):
    make_call(layout, HELD, CALL)
    layout.job_folder(CALL).result.write_text("{}")
    make_call(layout, HELD, CALL)
    check(layout, CALL)


def test_what_was_made_goes_with_the_session(layout, folders):
    folders.prepare(HELD)
    folders.forget(HELD)
    assert not names(layout.job_folder(HELD).calls)
    assert names(layout.jobs) == {"job_0000000000000000"}
    assert folders.take(HELD) is None
    folders.forget(HELD)


def test_what_an_earlier_gateway_made_is_cleared_away(layout, folders):
    make_call(layout, HELD, CALL)
    folders.prepare(HELD)
    layout.job_folder(HELD).requests.touch()
    CallFolders(layout).clear(HELD, {"job_1111111111111111"})
    assert names(layout.job_folder(HELD).calls) == {CALL, "requests"}
    assert names(layout.jobs) == {"job_0000000000000000", "job_1111111111111111"}
    check(layout, CALL)


def test_a_session_that_is_gone_is_fine(layout, folders):
    layout.job_folder(HELD).calls.rmdir()
    folders.prepare(HELD)
    assert folders.take(HELD) is None
    assert names(layout.jobs) == {"job_0000000000000000"}
    CallFolders(layout).clear(HELD, set())


def test_the_way_to_one_that_is_there_no_more_is_removed(layout):
    make_call(layout, HELD, CALL)
    remove_call(layout, CALL, HELD)
    assert not names(layout.job_folder(HELD).calls)
    assert names(layout.jobs) == {"job_0000000000000000"}
