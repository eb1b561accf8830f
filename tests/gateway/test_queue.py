"""Jobs that wait: what a look at them costs, whose they are, and how many may be."""

import pytest
from landbridge_gateway.errors import TooManyJobs
from landbridge_gateway.model import State
from landbridge_gateway.store.database import Database
from landbridge_gateway.store.jobs import Jobs
from landbridge_gateway.store.queue import Bounds, Door, Queue

from tests.filling import fill
from tests.gateway.test_store import new


@pytest.fixture
def database(tmp_path):
    made = Database(tmp_path / "db")
    yield made
    made.close()


@pytest.fixture
def queue(database):
    return Queue(database, 64)


def steps_of(database, ask):
    """How many instructions SQLite runs for a question, in hundreds."""
    ticks = []
    with database._readers.one(lambda: None) as connection:
        connection.set_progress_handler(lambda: ticks.append(None), 100)
    ask()  # by the same connection, as nobody else asks
    connection.set_progress_handler(None, 100)
    return len(ticks)


QUESTIONS = {
    "owners": lambda queue: queue.owners(None),
    "owners after one": lambda queue: queue.owners("a"),
    "experiments": lambda queue: queue.experiments("a", None),
    "the first of a group": lambda queue: queue.first("a", "burst"),
    "runtimes wanted": lambda queue: queue.runtimes_wanted(),
    "entering": lambda queue: queue.entering("r:4.6", 20),
    "doomed": lambda queue: queue.doomed(10),
}


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_look_costs_the_same_with_500_and_with_50_000_in_line(database, queue, question):
    for state in ("queued", "waiting"):
        fill(database, "a", "burst", 500, state)
        fill(database, "b", "other", 1, state)
    few = steps_of(database, lambda: QUESTIONS[question](queue))
    for state in ("queued", "waiting"):
        fill(database, "a", "sequel", 24_500, state)
    fill(database, "c", "burst", 25_000)
    many = steps_of(database, lambda: QUESTIONS[question](queue))
    # Two groups more are looked at; rows of a group are not.
    assert many <= 2 * few + 10


def test_owners_and_experiments_come_in_their_order_round(database, queue):
    for owner, experiment in (("a", "x"), ("b", "y"), ("c", "z"), ("a", "w"), ("a", "")):
        fill(database, owner, experiment, 3)
    assert queue.owners(None) == ["a", "b", "c"]
    assert queue.owners("a") == ["b", "c", "a"]
    assert queue.owners("bb") == ["c", "a", "b"]
    assert queue.experiments("a", "w") == ["x", "", "w"]
    assert queue.first("a", "w")["id"] == "job_0000000000000010"
    assert queue.first("a", "nothing") is None


def test_a_look_is_bounded_and_goes_on_where_it_ended(database):
    for number in range(10):
        fill(database, f"owner{number}", "", 1)
    queue = Queue(database, 4)
    assert queue.owners("owner3") == ["owner4", "owner5", "owner6", "owner7"]
    assert queue.owners("owner7") == ["owner8", "owner9", "owner0", "owner1"]


def test_all_groups_enter_with_their_share(database, queue):
    fill(database, "a", "burst", 1000, "waiting")
    fill(database, "b", "single", 1, "waiting")
    assert {row["owner"] for row in queue.entering("r:4.6", 10)} == {"a", "b"}
    assert queue.runtimes_wanted() == ["r:4.6"]
    assert queue.entering("python:3.14", 10) == []


def test_jobs_that_wait_are_counted_as_they_come_and_go(database, queue):
    jobs = Jobs(database)
    first = jobs.add(new(1, "a"))[0]["id"]
    second = jobs.add(new(2, "b", inputs=[first]))[0]["id"]
    assert queue.sizes() == {"": 2, "owner": 2}
    jobs.move(first, State.QUEUED)
    assert queue.sizes() == {"": 2, "owner": 2}
    jobs.begin_attempt(first, "r:4.6")
    jobs.move(first, State.RUNNING)
    assert queue.sizes() == {"": 1, "owner": 1}
    jobs.move(first, State.FAILED)
    assert [row["id"] for row in queue.doomed(10)] == [second]
    jobs.move(second, State.FAILED)
    assert queue.sizes() == {"": 0, "owner": 0}
    assert queue.doomed(10) == []


def test_more_than_may_wait_are_refused_and_nothing_is_stored(database, queue):
    fill(database, "a", "x", 9)
    fill(database, "b", "x", 3)
    with database.write() as db:
        Door(database, Bounds(13, 10)).check(db, "a")
        with pytest.raises(TooManyJobs) as each:
            Door(database, Bounds(20, 10)).check(db, "a", 2)
        with pytest.raises(TooManyJobs) as everybody:
            Door(database, Bounds(13, 10)).check(db, "c", 2)
    assert each.value.message == "10 jobs of yours wait already, which is as many as this gateway takes."
    assert each.value.detail == {"most": 10, "whose": "owner"}
    assert everybody.value.hint == (
        "Wait until some have run, cancel what is not needed, or raise LANDBRIDGE_MAX_QUEUED."
    )
    jobs = Jobs(database)

    def full(db):
        Door(database, Bounds(12, 10)).check(db, "owner")

    with pytest.raises(TooManyJobs):
        jobs.add(new(), full)
    assert "owner" not in queue.sizes()
    stored = jobs.add(new(99))[0]["id"]
    assert jobs.add(new(98), full)[0]["id"] == stored  # the same key again is no further job


def test_jobs_of_an_older_gateway_are_counted(tmp_path):
    database = Database(tmp_path / "db")
    fill(database, "a", "x", 3)
    with database.write() as db:
        for name in ("job_begins_to_wait", "job_waits_no_longer", "job_waits_again", "input_is_named", "input_ends"):
            db.execute(f"DROP TRIGGER {name}")
        for name in ("jobs_entering", "jobs_doomed", "jobs_queued"):
            db.execute(f"DROP INDEX {name}")
        db.execute("DROP TABLE queue_sizes")
        for column in ("open_inputs", "failed_inputs"):
            db.execute(f"ALTER TABLE jobs DROP COLUMN {column}")
        db.execute("DELETE FROM _sqlite_migrations WHERE name = 'fair_queue'")
    database.close()
    again = Database(tmp_path / "db")
    assert Queue(again, 64).sizes() == {"": 3, "a": 3}
    again.close()
