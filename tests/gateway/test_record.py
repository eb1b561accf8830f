"""What jobs report is stored, once, and readable while they run."""

import json

from tests.gateway.conftest import NULL, fetched, submission, submit

AT = "2026-11-23T10:00:00.000000Z"


def report(road, attempt, *events):
    with road.folder(attempt).events.open("a") as stream:
        for event in events:
            stream.write(json.dumps({"at": AT} | event) + "\n")


def test_everything_reported_is_in_the_record_while_the_job_runs(client, road):
    job = submit(client)
    attempt = road.started()
    (road.folder(attempt).files / "plot.png").write_bytes(b"png")
    (road.folder(attempt).objects / "kept.arrow").write_bytes(b"ARROW1")
    frame = {"kind": "frame", "object": "new:kept.arrow", "rows": 1, "columns": [], "descriptor": {}}
    report(
        road,
        attempt,
        {"event": "started", "versions": {"python": "3.14.2"}},
        {"event": "metric", "name": "loss", "value": 0.5, "step": 1},
        {"event": "metric", "name": "loss", "value": "NaN", "step": 2},
        {"event": "param", "name": "depth", "value": 6},
        {"event": "tag", "name": "stage", "value": "trial"},
        {"event": "progress", "done": 1, "total": 2, "message": "half"},
        {"event": "message", "text": "hello"},
        {"event": "warning", "message": "careful", "category": "UserWarning"},
        {"event": "artifact", "name": "kept", "value": frame},
        {"event": "file", "name": "plot.png", "file": "files/plot.png", "media_type": "image/png", "size": 3},
    )
    record = client.get(f"/api/v1/jobs/{job['id']}/record").json
    assert record["metrics"] == [
        {"name": "loss", "value": 0.5, "step": 1, "at": AT},
        {"name": "loss", "value": "NaN", "step": 2, "at": AT},
    ]
    assert record["params"] == {"depth": 6}
    assert record["tags"] == {"stage": "trial"}
    assert record["progress"] == {"done": 1, "total": 2, "message": "half", "at": AT}
    assert record["messages"] == [{"text": "hello", "at": AT}]
    assert record["warnings"] == [{"message": "careful", "category": "UserWarning", "call": None}]
    kept, plot = record["artifacts"][0]["value"]["object"], record["files"][0]["object"]
    assert fetched(client, kept) == b"ARROW1"
    assert fetched(client, plot) == b"png"
    shown = client.get(f"/api/v1/jobs/{job['id']}").json["job"]
    assert shown["environment"]["versions"] == {"python": "3.14.2"}
    assert shown["progress"]["done"] == 1


def test_events_are_taken_in_once_and_a_half_written_line_later(client, road):
    job = submit(client)
    attempt = road.started()
    report(road, attempt, {"event": "metric", "name": "a", "value": 1})
    with road.folder(attempt).events.open("a") as stream:
        stream.write('{"event": "metric", "at": "x", "na')
    path = f"/api/v1/jobs/{job['id']}/record"
    assert [client.get(path).json["metrics"][0]["value"] for _ in range(2)] == [1.0, 1.0]
    with road.folder(attempt).events.open("a") as stream:
        stream.write('me": "b", "value": 2}\n')
    assert [metric["name"] for metric in client.get(path).json["metrics"]] == ["a", "b"]


def test_what_breaks_the_contract_is_left_out_and_told(client, road):
    job = submit(client)
    attempt = road.started()
    report(road, attempt, {"event": "metric", "name": "a"}, {"event": "metric", "name": "b", "value": 2})
    with road.folder(attempt).events.open("a") as stream:
        stream.write("nonsense\n")
    road.leave(attempt, result=NULL)
    road.exit(attempt, 0)
    record = client.get(f"/api/v1/jobs/{job['id']}/record").json
    assert [metric["name"] for metric in record["metrics"]] == ["b"]
    told = " ".join(warning["message"] for warning in record["warnings"])
    assert "lacks the field `value`" in told
    assert "1 lines are not JSON" in told


def test_the_record_says_what_each_column_became(client, road):
    columns = [
        {"name": "a", "type": "int32"},
        {"name": "b", "type": "double", "verdict": "lossy", "reason": "beyond 15 digits"},
    ]
    first = submit(client)
    attempt = road.started()
    (road.folder(attempt).objects / "t.arrow").write_bytes(b"ARROW1")
    frame = {"kind": "frame", "object": "new:t.arrow", "rows": 1, "columns": columns, "descriptor": {}}
    road.leave(attempt, result={"kind": "list", "shape": "dict", "items": [["t", frame]]})
    road.exit(attempt, 0)
    second = submit(client, submission(None, ["x", {"kind": "job", "job": first["id"], "path": ["t"]}]))
    attempt = road.started()
    told = {"event": "fidelity", "value": "x", "columns": [{"name": "a", "verdict": "equal", "reason": "a double now"}]}
    report(road, attempt, told)
    exact, lossy = (
        {"column": "a", "step": "sent", "verdict": "exact", "reason": None},
        {"column": "b", "step": "sent", "verdict": "lossy", "reason": "beyond 15 digits"},
    )
    assert client.get(f"/api/v1/jobs/{first['id']}/record").json["fidelity"] == [
        {"value": "result.t"} | exact,
        {"value": "result.t"} | lossy,
    ]
    assert client.get(f"/api/v1/jobs/{second['id']}/record").json["fidelity"] == [
        {"value": "x"} | exact,
        {"value": "x"} | lossy,
        {"value": "x", "column": "a", "step": "received", "verdict": "equal", "reason": "a double now"},
    ]
    page = client.get(f"/jobs/{second['id']}").text
    assert "beyond 15 digits" in page
    # A column that changed where it arrived is not exact, although it was sent so.
    assert "a double now" in page
    assert "column is exact" not in page


def test_a_value_saved_again_counts_as_it_was_last(client, road):
    job = submit(client)
    attempt = road.started()
    for number in (1, 2):
        (road.folder(attempt).files / "m.txt").write_text(str(number))
        report(road, attempt, {"event": "file", "name": "m.txt", "file": "files/m.txt"})
        files = client.get(f"/api/v1/jobs/{job['id']}/record").json["files"]
    assert len(files) == 1
    assert fetched(client, files[0]["object"]) == b"2"


def test_the_stages_of_its_way_are_told_with_their_times(client, road):
    job = submit(client)
    attempt = road.started()
    told = [part["stage"] for part in client.get(f"/api/v1/jobs/{job['id']}/record").json["stages"]]
    assert told == ["waiting", "queued", "starting"]
    road.leave(attempt, result=NULL)
    road.exit(attempt, 0)
    stages = client.get(f"/api/v1/jobs/{job['id']}/record").json["stages"]
    assert [part["stage"] for part in stages] == ["waiting", "queued", "starting", "running", "leaving"]
    assert all(part["seconds"] >= 0 for part in stages)
