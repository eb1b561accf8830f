"""Submissions that share a commit: all are stored or refused, each for itself."""

import sqlite3
import threading

import pytest
from landbridge_gateway.errors import Conflict, UnknownJob
from landbridge_gateway.store.accepts import Accepts
from landbridge_gateway.store.database import Database
from landbridge_gateway.store.jobs import Jobs

from tests.gateway.test_store import new


class Counted(Database):
    """A database that can be held, and counts what it commits."""

    commits = 0

    def __init__(self, path):
        super().__init__(path, self.count)

    def count(self, topics):
        self.commits += 1


@pytest.fixture
def database(tmp_path):
    made = Counted(tmp_path / "db")
    yield made
    made.close()


def submit_at_once(database, accepts, submissions):
    """All of them while the database is busy, so that they can only be stored together."""
    outcomes = {}

    def submit(number, submission):
        try:
            outcomes[number] = accepts.add(submission)
        except (Conflict, UnknownJob, sqlite3.Error) as problem:
            outcomes[number] = problem

    threads = [threading.Thread(target=submit, args=given) for given in enumerate(submissions)]
    with accepts._turn:
        for thread in threads:
            thread.start()
        while len(accepts._arrived) < len(threads):
            pass
    for thread in threads:
        thread.join(30)
    return outcomes


def test_many_submissions_share_one_commit(database):
    accepts = Accepts(database, Jobs(database))
    outcomes = submit_at_once(database, accepts, [new(number, f"k{number}") for number in range(20)])
    assert {row["id"] for row, fresh in outcomes.values() if fresh} == {f"job_{number:016}" for number in range(20)}
    assert database.commits == 1


def test_one_that_is_refused_takes_no_other_with_it(database):
    jobs = Jobs(database)
    accepts = Accepts(database, jobs)
    jobs.add(new(99, "taken"))
    given = [new(1, "a"), new(2, "taken", digest="other"), new(3, "taken"), new(4, "b", inputs=["job_of_nobody"])]
    outcomes = submit_at_once(database, accepts, given)
    assert outcomes[0][1] is True
    assert isinstance(outcomes[1], Conflict)
    assert (outcomes[2][0]["id"], outcomes[2][1]) == (f"job_{99:016}", False)
    assert isinstance(outcomes[3], UnknownJob)
    assert [row["id"] for row in database.rows("SELECT id FROM jobs ORDER BY id")] == [f"job_{1:016}", f"job_{99:016}"]


def test_a_commit_that_fails_is_told_to_all_and_the_next_succeeds(database, monkeypatch):
    accepts = Accepts(database, Jobs(database))
    with database.write() as db:
        db.execute("CREATE TRIGGER full BEFORE INSERT ON jobs BEGIN SELECT RAISE(ROLLBACK, 'disk is full'); END")
    outcomes = submit_at_once(database, accepts, [new(1, "a"), new(2, "b")])
    assert all(isinstance(outcome, Exception) for outcome in outcomes.values())
    with database.write() as db:
        db.execute("DROP TRIGGER full")
    assert accepts.add(new(3, "c"))[1] is True


def test_of_those_stored_together_none_is_taken_where_the_disk_refuses_one(database):
    accepts = Accepts(database, Jobs(database))
    with database.write() as db:
        db.execute(
            f"""CREATE TRIGGER full BEFORE INSERT ON jobs WHEN NEW.id = 'job_{2:016}'
                BEGIN SELECT RAISE(ROLLBACK, 'disk is full'); END"""
        )
    outcomes = submit_at_once(database, accepts, [new(number, f"k{number}") for number in range(1, 6)])
    # SQLite undid what was stored before it, and what would have come after it was no part of any transaction.
    assert all(isinstance(outcome, sqlite3.Error) for outcome in outcomes.values())
    assert database.rows("SELECT id FROM jobs") == []
    assert accepts.add(new(3, "k3"))[1] is True
