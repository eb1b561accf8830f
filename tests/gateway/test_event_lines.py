"""The lines of events, which are read many at a time: as each would be read alone, whatever stands beside it."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from landbridge_gateway.json_text import NotJson, objects_in_lines, parse
from landbridge_gateway.schemas import Schemas
from landbridge_gateway.store.clock import as_timestamp, timestamp

from tests.gateway.conftest import ROOT
from tests.gateway.test_sweeps import AT, ONE, column, job_of, points_of, sweep_of, worker

GOOD = b'{"event": "message", "text": "hi"}'
LINES = {
    "good": GOOD,
    "text that is no ASCII": '{"text": "\u00e9\U0001f600"}'.encode(),
    "escaped pair": rb'{"text": "\ud83d\ude00"}',
    "half of a pair": rb'{"text": "\ud83d"}',
    "field twice": b'{"a": 1, "a": 2}',
    "blanks around": b'  {"a": 1} ',
    "large exponent": b'{"a": 1e300}',
    "many digits": b'{"a": 0.' + b"1" * 400 + b"}",
    "beyond a double": b'{"a": 1e999}',
    "beyond a double, with a sign": b'{"a": -1E+0400}',
    "beyond a double, without an exponent": b'{"a": ' + b"9" * 400 + b"}",
    "NaN": b'{"a": NaN}',
    "infinity": b'{"a": -Infinity}',
    "cut short": b'{"event": "mess',
    "two documents": b"{}, {}",
    "two documents without a comma": b"{}{}",
    "first half of a document": b'{"a": [{}',
    "second half of a document": b"{}]}",
    "end of a list and its next": b"{}], [{}",
    "list": b"[1]",
    "null": b"null",
    "text": b'"a"',
    "nothing": b"",
    "nested deeply": b'{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "not UTF-8": b'{"a": "\xff"}',
    "byte order mark": b"\xef\xbb\xbf{}",
    "control character": b'{"a": "\x01"}',
    "line separator": '{"a": "\u2028"}'.encode(),
}


def alone(lines):
    """What the lines are one by one: the objects, and how many are none."""
    found = []
    for line in lines:
        try:
            document = parse(line)
        except NotJson:
            continue
        if isinstance(document, dict):
            found.append(document)
    return found, len(lines) - len(found)


class TestLines:
    @pytest.mark.parametrize("line", LINES.values(), ids=LINES)
    def test_a_line_between_good_ones_is_what_it_is_alone(self, line):
        lines = [GOOD, line, GOOD]
        assert objects_in_lines(b"\n".join(lines) + b"\n") == alone(lines)

    def test_all_of_them_together_are_what_each_is_alone(self):
        lines = list(LINES.values())
        assert objects_in_lines(b"\n".join(lines) + b"\n") == alone(lines)

    def test_lines_that_are_one_document_only_together_are_broken(self):
        # As one list these would be three documents of three lines.
        lines = [LINES["two documents"], LINES["first half of a document"], LINES["second half of a document"]]
        assert objects_in_lines(b"\n".join(lines)) == ([], 3)

    def test_a_number_that_is_no_double_is_found_wherever_it_stands(self):
        for number in (b"1e309", b"1E309", b"1e+309", b"1E+309", b"9" * 310, b"1" + b"0" * 310 + b".5"):
            with pytest.raises(NotJson):
                parse(b'{"a": ' + number + b"}")

    def test_nothing_is_no_line(self):
        assert objects_in_lines(b"") == ([], 0)


@pytest.fixture(scope="module")
def schemas():
    return Schemas(ROOT / "containers" / "schema")


class TestManyAtOnce:
    def test_only_those_that_do_not_fit_are_named(self, schemas):
        good = {"event": "message", "at": AT, "text": "hi"}
        events = [good, {"event": "dance", "at": AT}, good, {"event": "metric", "at": AT, "name": "a"}, good]
        assert schemas.problems("event", events) == {place: schemas.problem("event", events[place]) for place in (1, 3)}
        assert schemas.problems("event", [good] * 3) == {}
        assert schemas.problems("event", []) == {}

    def test_one_that_is_nested_too_deeply_is_named_alone(self, schemas):
        def nested(levels):
            inner = []
            for _ in range(levels - 2):
                inner = [inner]
            return {"event": "message", "at": AT, "text": "hi", "more": inner}

        assert schemas.problems("event", [nested(3), nested(200)]) == {}
        assert schemas.problems("event", [nested(3), nested(201)]) == {1: ("", "is nested too deeply")}


class TestChunks:
    def test_an_unknown_kind_among_good_events_is_left_out_and_told(self, client, road, services):
        sweep = sweep_of(client, column(1, 2))
        first, _ = worker(road), worker(road)
        first.begin(0)
        first.write("dance", point=0)
        first.write("metric", point=0, name="loss", value=0.5)
        with first.folder.events.open("a") as events:
            events.write('{"event": "outcome", "point": 0, "at"\n{}, {}\n')
        first.write("outcome", point=0, result=ONE)
        first.tell()
        [told] = points_of(client, sweep)["points"]
        assert (told["state"], told["metrics"]) == ("succeeded", {"loss": 0.5})
        warnings = [one["message"] for one in services.records.reports(sweep, 1, "warning")]
        assert len(warnings) == 2
        assert any("`event` must be one of" in message for message in warnings)
        assert any("2 lines are not JSON" in message for message in warnings)
        assert road.job(job_of(client, sweep, 0))["started"] == AT


class TestTimes:
    def test_days_that_there_are_pass_and_others_do_not(self):
        day, last = date(2023, 12, 1), date(2025, 3, 1)
        while day <= last:
            text = f"{day.isoformat()}T23:59:59.123456Z"
            assert as_timestamp(text) == text == timestamp(datetime.fromisoformat(text))
            day += timedelta(days=1)
        for text in ("2025-02-29", "2025-04-31", "2025-00-10", "2025-13-10", "2025-01-00", "2025-01-32"):
            with pytest.raises(ValueError, match=r"day|month|Invalid"):
                as_timestamp(f"{text}T00:00:00.000000Z")

    @pytest.mark.parametrize("text", ["2026-01-01T25:00:00.000000Z", "2026-01-01T00:60:00.000000Z", "soon", ""])
    def test_what_is_no_time_is_refused(self, text):
        with pytest.raises(ValueError, match=r"Invalid|must be in"):
            as_timestamp(text)

    def test_another_form_of_a_time_is_written_in_ours(self):
        moment = datetime(2026, 1, 1, 12, 30, tzinfo=UTC)
        for text in ("2026-01-01T13:30:00+01:00", "2026-W01-4T12:30:00.000000Z", "20260101T123000Z"):
            assert as_timestamp(text) == timestamp(moment)
