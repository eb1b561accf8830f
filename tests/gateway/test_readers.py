"""The connections by which the store is read."""

import sqlite3
import threading

import pytest
from landbridge_gateway.store.readers import Readers

from tests.patience import joined


@pytest.fixture
def readers(tmp_path):
    sqlite3.connect(tmp_path / "db").execute("CREATE TABLE t (x)").connection.close()
    made = Readers(tmp_path / "db")
    yield made
    made.close()


def never():
    raise AssertionError("there was one")


def test_a_thread_takes_the_connection_that_another_gave_back(readers):
    with readers.one(lambda: None) as first:
        first.execute("SELECT * FROM t")
    found = []

    def read():
        with readers.one(never) as connection:
            found.append(connection.execute("SELECT count(*) FROM t").fetchone() and connection)

    thread = threading.Thread(target=read)
    thread.start()
    joined(thread, "a reader")
    assert found == [first]


def test_who_reads_at_once_has_connections_of_their_own_and_the_last_one_is_taken_first(readers):
    with readers.one(lambda: None) as first:
        with readers.one(lambda: None) as second:
            assert first is not second
        with readers.one(never) as again:
            assert again is second
    with readers.one(never) as newest:
        assert newest is first


def test_one_by_which_a_statement_failed_is_as_good_as_before(readers):
    with pytest.raises(sqlite3.OperationalError), readers.one(lambda: None) as connection:
        connection.execute("SELECT nothing")
    with readers.one(never) as again:
        assert again is connection
        assert again.execute("SELECT count(*) FROM t").fetchone() == (0,)


def test_none_is_opened_where_it_may_not_be(readers):
    with pytest.raises(AssertionError), readers.one(never):
        pass


def test_what_is_given_back_after_the_end_is_closed(readers):
    with readers.one(lambda: None) as late:
        readers.close()
        assert late.execute("SELECT count(*) FROM t").fetchone() == (0,)
    with pytest.raises(sqlite3.ProgrammingError):
        late.execute("SELECT 1")
