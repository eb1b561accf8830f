"""Queries and records from strangers: what is asked is bound, what is told is finite, and tokens of pages are ours."""

import base64
import json
import sqlite3
import time

import pytest

from tests.gateway.conftest import NULL, source_task, submission, submit
from tests.hostile.answers import refused

SQL = ["x' OR 1=1 --", '"; DROP TABLE jobs; --', "x'); ATTACH 'x' AS y; --", "%", "_", "\\", "[a]", "x\0y"]
AT = "2026-11-23T10:00:00.000000Z"


@pytest.mark.row("DB1")
def test_sql_is_text_wherever_it_stands(client, road):
    for text in SQL:
        job = submit(client, submission(source_task(name=text, experiment=text, tags={text[:200]: text}), [text, NULL]))
        assert client.get(f"/api/v1/jobs/{job['id']}").json["job"]["tags"] == {text: text}
    for text in SQL:
        for name, most in (("text", 2), ("experiment", 1), ("tag", 0), ("sweep", 0), ("language", 0)):
            found = client.get("/api/v1/jobs", query_string={name: text}).json["jobs"]
            assert len(found) <= most, (name, text)
        tagged = client.get("/api/v1/jobs", query_string={"tag": f"{text}:{text}"}).json["jobs"]
        assert [job["name"] for job in tagged] == [text]
        for name in ("sort", "state", "page", "limit", "point", "colour"):
            refused(client.get("/api/v1/jobs", query_string={name: text}), 400, "invalid_request")


@pytest.mark.row("DB2")
def test_a_filter_has_bounds(client, road):
    for query in ("tag=a&" * 9000, "experiment=a&" * 4000, "state=queued&" * 51, "text=" + "x" * 3000):
        refused(client.get("/api/v1/jobs?" + query), 400, "invalid_request")
        assert client.get("/jobs?" + query).status_code == 400
    begun = time.process_time()
    most = "&".join(f"{name}={'a' * 800}" for name in ("tag", "experiment", "language") for _ in range(50))
    assert client.get("/api/v1/jobs?" + most).json["jobs"] == []
    client.get("/api/v1/jobs", query_string={"text": "(a+)+$" * 300})
    assert time.process_time() - begun < 10


def forged(*told):
    return base64.urlsafe_b64encode(bytes(16) + json.dumps(told).encode()).decode().rstrip("=")


@pytest.mark.row("DB3")
def test_the_token_of_a_page_opens_its_own_list_only(client, caller, road):
    for number in range(3):
        submit(client, submission(source_task(name=f"job {number}", experiment="one")))
    token = client.get("/api/v1/jobs?limit=1&experiment=one").json["next"]
    assert [job["name"] for job in client.get(f"/api/v1/jobs?experiment=one&page={token}").json["jobs"]] == [
        "job 1",
        "job 0",
    ]
    others = [f"page={token}", f"experiment=two&page={token}", f"experiment=one&sort=name&page={token}"]
    made = [
        forged(1, 1),
        forged(None, 1),
        forged(1, 10**30),
        forged(1e400, 1),
        forged("x", "y"),
        "W10",
        "%00",
        "é" * 9,
        "x" * 5000,
    ]
    for query in others + [f"experiment=one&page={page}" for page in (*made, token[:-2], "A" + token)]:
        refused(client.get("/api/v1/jobs?" + query), 400, "invalid_request")
    refused(caller("bob").get(f"/api/v1/jobs?experiment=one&page={token}"), 400, "invalid_request")


@pytest.mark.row("DB4")
@pytest.mark.parametrize("limit", ["1000000000", "-1", "0", "1e3", "0x10", "1_0", "٣", " 1", "", "NaN"])
def test_a_limit_is_a_plain_number_within_its_range(client, road, limit):
    sentence = refused(client.get("/api/v1/jobs", query_string={"limit": limit}), 400, "invalid_request")
    assert sentence.startswith("`limit` cannot be")


def told(road, client, lines):
    """The record of a job whose worker wrote these lines."""
    job = submit(client)
    attempt = road.started()
    road.folder(attempt).events.write_text("".join(line + "\n" for line in lines))
    road.leave(attempt, result=NULL)
    return client.get(f"/api/v1/jobs/{job['id']}/record"), job


def metric(value, step="null", name="m"):
    return f'{{"event": "metric", "at": "{AT}", "name": "{name}", "value": {value}, "step": {step}}}'


@pytest.mark.row("DB5")
def test_a_metric_is_a_number_that_every_reader_of_json_can_read(client, road):
    kept = [('"NaN"', "NaN"), ('"-Infinity"', "-Infinity"), ("18446744073709551616", 2.0**64), ("1e308", 1e308)]
    lines = [metric(value, step) for (value, _), step in zip(kept, ("-1", "5", "5", "0"), strict=True)]
    broken = [metric(value) for value in ("NaN", "Infinity", "1e309", "1" + "0" * 400, "1" + "0" * 5000, "true", '"x"')]
    broken += [metric("1", "1e400"), metric("1", "1.5"), metric("1", name="x" * 201), metric("1", name="")]
    answer, job = told(road, client, [*lines, *broken])
    record = json.loads(answer.text, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    assert [(found["value"], found["step"]) for found in record["metrics"]] == [
        (value, step) for (_, value), step in zip(kept, (-1, 5, 5, 0), strict=True)
    ]
    assert record["warnings"]
    assert client.get(f"/api/v1/jobs/{job['id']}").json["job"]["state"] == "succeeded"
    assert client.get(f"/jobs/{job['id']}").status_code == 200


@pytest.mark.row("DB6")
def test_thousands_of_metrics_are_kept_in_their_order(client, road):
    answer, _ = told(road, client, [metric(step, step, f"m{step % 7}") for step in range(5000)])
    assert [found["step"] for found in answer.json["metrics"]] == list(range(5000))


@pytest.mark.row("DB8", "DB1")
def test_the_database_opens_no_other_file_and_loads_no_code(services, tmp_path):
    with services.database._readers.one(lambda: None) as reader:
        pass
    for connection in (services.database._writer.conn, reader):
        with pytest.raises(sqlite3.DatabaseError, match="too many attached databases"):
            connection.execute("ATTACH DATABASE ? AS other", (str(tmp_path / "other.db"),))
        with pytest.raises(sqlite3.DatabaseError, match="not authorized"):
            connection.execute("SELECT load_extension('x')")
    with pytest.raises(sqlite3.DatabaseError):
        reader.execute("DELETE FROM jobs")
    assert not (tmp_path / "other.db").exists()
