import threading

import pytest
from landbridge_gateway.errors import Conflict, UnknownJob
from landbridge_gateway.home import Home
from landbridge_gateway.model import TRANSITIONS, Cause, State
from landbridge_gateway.settings import Settings, parse_bytes
from landbridge_gateway.store.database import Database
from landbridge_gateway.store.jobs import IllegalTransition, Jobs, NewJob
from landbridge_gateway.store.queue import Queue

from tests.patience import joined


def new(number=1, key="k", digest="d", inputs=()):
    return NewJob(
        id=f"job_{number:016}",
        owner="owner",
        client=None,
        key=key,
        body_digest=digest,
        name="f",
        language="r",
        runtime="r:4.6",
        experiment=None,
        seed=1,
        limits={},
        task={"function": {"type": "source", "name": "f"}},
        values={"items": []},
        tags={"a": "b"},
        inputs=inputs,
    )


@pytest.fixture
def database(tmp_path):
    made = Database(tmp_path / "db")
    yield made
    made.close()


@pytest.fixture
def jobs(database):
    return Jobs(database)


def walk(jobs, job, *states):
    for state in states:
        if state is State.RUNNING:
            jobs.begin_attempt(job, "r:4.6")
        jobs.move(job, state)


ROADS = {
    State.WAITING: (),
    State.QUEUED: (State.QUEUED,),
    State.RUNNING: (State.QUEUED, State.RUNNING),
    State.SUCCEEDED: (State.QUEUED, State.RUNNING, State.SUCCEEDED),
    State.FAILED: (State.FAILED,),
    State.CANCELLED: (State.CANCELLED,),
    State.LOST: (State.QUEUED, State.LOST),
}


@pytest.mark.parametrize("source", State)
@pytest.mark.parametrize("target", State)
def test_the_table_of_transitions_is_kept(jobs, source, target):
    job = jobs.add(new())[0]["id"]
    walk(jobs, job, *ROADS[source])
    if target in TRANSITIONS[source]:
        jobs.move(job, target)
        assert jobs.state(job) is target
    else:
        with pytest.raises(IllegalTransition, match=f"{job} cannot become {target}: .*waiting"):
            jobs.move(job, target)
        assert jobs.get(job)["state"] == source


def test_a_late_attempt_changes_nothing(jobs):
    job = jobs.add(new())[0]["id"]
    jobs.move(job, State.QUEUED)
    first = jobs.begin_attempt(job, "r:4.6")
    second = jobs.begin_attempt(job, "r:4.6")
    jobs.move(job, State.RUNNING, attempt=second)
    with pytest.raises(IllegalTransition):
        jobs.move(job, State.SUCCEEDED, attempt=first, result={"kind": "null"})
    assert jobs.get(job)["state"] == "running"


def test_every_change_has_its_event(jobs):
    job = jobs.add(new())[0]["id"]
    jobs.annotate(job, "building r:4.6, 1 s")
    jobs.annotate(job, "building r:4.6, 1 s")
    jobs.move(job, State.FAILED, cause=Cause.ENVIRONMENT)
    told = [(event["state"], event["cause"], event["note"]) for event in jobs.events_after(0, "owner")]
    assert told == [
        ("waiting", None, None),
        ("waiting", None, "building r:4.6, 1 s"),
        ("failed", "environment", None),
    ]
    assert jobs.events_after(0, "somebody else") == []


def test_one_key_makes_one_job(jobs):
    first, fresh = jobs.add(new(1))
    second, again = jobs.add(new(2))
    assert (fresh, again) == (True, False)
    assert first["id"] == second["id"]
    with pytest.raises(Conflict):
        jobs.add(new(3, digest="other"))


def test_another_owners_job_does_not_exist(jobs):
    job = jobs.add(new())[0]["id"]
    with pytest.raises(UnknownJob):
        jobs.get(job, "somebody else")


def test_only_jobs_whose_inputs_ended_may_enter(database, jobs):
    first = jobs.add(new(1, "a"))[0]["id"]
    second = jobs.add(new(2, "b", inputs=[first]))[0]["id"]
    queue = Queue(database, 64)
    assert [row["id"] for row in queue.entering("r:4.6", 10)] == [first]
    walk(jobs, first, State.QUEUED, State.RUNNING, State.SUCCEEDED)
    assert [row["id"] for row in queue.entering("r:4.6", 10)] == [second]


def test_what_was_committed_is_there_after_a_restart(tmp_path):
    database = Database(tmp_path / "db")
    Jobs(database).add(new())
    again = Database(tmp_path / "db")  # the first was not closed, as after a kill
    assert Jobs(again).get("job_0000000000000001")["state"] == "waiting"
    again.close()
    database.close()


def test_job_state_is_synced_fully_and_readers_cannot_write(database):
    with database.write() as db:
        assert db.execute("PRAGMA synchronous").fetchone() == (2,)
        assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    with pytest.raises(Exception, match="readonly"):
        database.rows("DELETE FROM jobs")


@pytest.mark.parametrize(
    ("text", "count"), [("4g", 4 * 1024**3), ("1.5 GiB", 1610612736), ("512m", 512 * 1024**2), ("77", 77), (5, 5)]
)
def test_sizes_in_words(text, count):
    assert parse_bytes(text) == count


def test_a_setting_comes_from_the_call_the_environment_or_its_default():
    loaded = Settings.load({"LANDBRIDGE_PORT": "1", "LANDBRIDGE_RUNNING": "3"}, port=2)
    assert (loaded.port, loaded.running, loaded.engine) == (2, 3, "docker")
    assert [loaded.origins[name] for name in ("port", "running", "engine")] == ["call", "environment", "default"]


def test_an_unreadable_setting_is_named():
    with pytest.raises(Exception, match="The setting `port` cannot be `many`"):
        Settings.load({"LANDBRIDGE_PORT": "many"})


def test_a_start_of_the_machine_is_noticed_once(tmp_path, monkeypatch):
    home = Home(tmp_path / "home")
    home.prepare()
    boot = tmp_path / "boot_id"
    monkeypatch.setattr("landbridge_gateway.home._BOOT", boot)
    boot.write_text("first\n")
    assert not home.machine_restarted()
    home.note_boot()
    assert not home.machine_restarted()
    boot.write_text("second\n")
    # Until somebody took up what had run before: who is killed on the way to that leaves it to the next.
    assert (home.machine_restarted(), home.machine_restarted()) == (True, True)
    home.note_boot()
    assert not home.machine_restarted()


def test_a_home_knows_whether_all_was_on_the_disk(tmp_path):
    home = Home(tmp_path / "home")
    home.prepare()
    home.note_boot()
    assert not home.all_on_disk()
    home.note_on_disk()
    assert home.all_on_disk()
    home.begin_service()
    assert not home.all_on_disk()


def test_what_must_survive_a_power_cut_is_written_through(services):
    database = services.database
    modes = {}
    for durable in (True, False, True):
        with database.write(durable=durable) as db:
            modes[durable] = db.execute("PRAGMA synchronous").fetchone()[0]
            with database.write(durable=False) as inner:  # the outermost decides
                assert inner.execute("PRAGMA synchronous").fetchone()[0] == modes[durable]
    assert modes == {True: 2, False: 1}


def test_what_was_committed_before_is_brought_to_the_disk(database):
    log = database.path.with_name(database.path.name + "-wal")
    database.bring_to_disk()
    for _ in range(3):  # each time anew: SQLite waits for the disk only where a page was changed
        before = log.stat().st_size
        database.bring_to_disk()
        assert log.stat().st_size > before


def test_nothing_durable_is_part_of_what_may_be_lost(database):
    with database.write(durable=False), pytest.raises(RuntimeError, match="cannot be part"), database.write():
        pass


def test_what_fails_in_a_part_of_a_transaction_is_undone_alone(database, jobs):
    told = []
    database.changed = told.append
    with database.write() as db:
        jobs.add(new(1, "a"))
        with pytest.raises(ZeroDivisionError), database.write():
            jobs.add(new(2, "b"))
            database.afterwards(lambda: told.append("never"))
            raise ZeroDivisionError
        with database.write():
            database.afterwards(lambda: told.append("after"))
        assert [row["id"] for row in database.rows("SELECT id FROM jobs")] == ["job_0000000000000001"]
        assert db.conn.in_transaction
        assert told == []
    assert told[-1] == "after"
    assert "never" not in told
    assert jobs.state("job_0000000000000001") is State.WAITING


def test_others_see_nothing_of_a_transaction_before_its_commit(database, jobs):
    seen = []
    with database.write():
        jobs.add(new(1, "a"))
        reader = threading.Thread(target=lambda: seen.append(database.rows("SELECT id FROM jobs")))
        reader.start()
        reader.join(60)
        assert len(database.rows("SELECT id FROM jobs")) == 1
    assert seen == [[]]


def test_what_comes_after_a_commit_is_left_out_where_there_is_none(database, jobs):
    told = []
    with pytest.raises(ZeroDivisionError), database.write():
        jobs.add(new(1, "a"))
        database.afterwards(lambda: told.append("after"))
        raise ZeroDivisionError
    database.changed = told.append
    with database.write(durable=False):
        pass
    assert told == []
    database.afterwards(lambda: told.append("at once"))
    assert told == ["at once"]


class TestAtHand:
    def test_what_was_committed_is_read_by_the_connection_that_wrote_it(self, database, jobs, monkeypatch):
        jobs.add(new(1, "a"))
        with monkeypatch.context() as patched:
            patched.setattr(database._readers, "one", lambda _: 1 / 0)
            with database.at_hand():
                assert jobs.get("job_0000000000000001")["state"] == "waiting"
        assert not database._writer.conn.in_transaction
        jobs.add(new(2, "b"))
        assert jobs.state("job_0000000000000002") is State.WAITING

    def test_who_reads_waits_for_nobody_who_writes(self, database, jobs):
        jobs.add(new(1, "a"))
        seen = []

        def read():
            with database.at_hand():
                seen.extend(row["id"] for row in database.rows("SELECT id FROM jobs"))

        with database.write():
            jobs.add(new(2, "b"))
            reader = threading.Thread(target=read)
            reader.start()
            joined(reader, "who reads")
            with database.at_hand():
                assert len(database.rows("SELECT id FROM jobs")) == 2
        assert seen == ["job_0000000000000001"]

    def test_nothing_is_written_meanwhile(self, database, jobs):
        with database.at_hand(), pytest.raises(RuntimeError, match="Nothing is written"):
            jobs.add(new(1, "a"))
        assert jobs.add(new(1, "a"))[1] is True

    def test_it_is_over_when_a_reading_fails(self, database, jobs):
        with pytest.raises(UnknownJob), database.at_hand():
            jobs.state("job_0000000000000009")
        assert not database._writer.conn.in_transaction
        jobs.add(new(1, "a"))


def test_what_a_statement_changes_is_kept_in_memory(database):
    with database.write() as db:
        assert db.execute("PRAGMA temp_store").fetchone() == (2,)
