"""The folders of a session's calls, of which the next is made ahead."""

import stat

import pytest
from landbridge_gateway.depot.call_folders import make_call, prepare_next
from landbridge_gateway.depot.layout import Layout

APPENDED = {"events.jsonl", "stdout.log", "stderr.log"}
HELD, CALL = "job_0000000000000000.1", "job_1111111111111111.1"


@pytest.fixture
def layout(tmp_path):
    made = Layout(tmp_path / "depot")
    made.prepare()
    made.job_folder(HELD).calls.mkdir(parents=True)
    return made


@pytest.fixture
def session(layout):
    return layout.job_folder(HELD)


@pytest.fixture
def call(layout):
    return layout.job_folder(CALL)


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def check(session, call, prepared):
    assert {path.name for path in session.calls.iterdir()} == {CALL}
    assert call.path.resolve() == (session.calls / CALL).resolve()
    assert {path.name for path in call.path.iterdir()} == {"out"}
    assert mode(call.path) == 0o755
    assert [mode(path) for path in (call.out, call.objects, call.files)] == [0o777] * 3
    assert not list(call.objects.iterdir()) + list(call.files.iterdir())
    left = [path for path in call.out.iterdir() if path.is_file()]
    assert {path.name for path in left} == (APPENDED if prepared else set())
    assert {(mode(path), path.stat().st_size) for path in left} <= {(0o666, 0)}


@pytest.mark.parametrize("times", [0, 1, 2])
def test_it_is_the_same_folder_prepared_or_not(session, call, times):
    for _ in range(times):
        prepare_next(session)
    make_call(session, call, CALL)
    check(session, call, times > 0)


def test_what_is_prepared_is_closed_to_the_worker_of_the_call_before(session):
    prepare_next(session)
    assert [mode(path) for path in session.calls.iterdir()] == [0o700]


@pytest.mark.parametrize("prepared", [False, True])
def test_one_left_by_a_call_that_was_not_begun_is_replaced(session, call, prepared):
    make_call(session, call, CALL)
    call.result.write_text("{}")
    if prepared:
        prepare_next(session)
    make_call(session, call, CALL)
    check(session, call, prepared)


def test_a_session_that_is_gone_is_fine(session):
    session.calls.rmdir()
    prepare_next(session)
    assert not session.calls.exists()
