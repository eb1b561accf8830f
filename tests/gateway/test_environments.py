"""Jobs that name packages, from the submission to the start: in process, the warden played by the test."""

from __future__ import annotations

import json

import pytest

from tests.gateway.conftest import source_task, submission, submit

IMAGE = "sha256:" + "a" * 64
PACKAGES = [{"name": "polars", "version": "1.35.0", "asked": True}, {"name": "numpy", "version": "2.5.0"}]
BUILT = {"id": "env_0123456789abcdef", "digest": "sha256:d", "packages": PACKAGES, "seconds": 2.0}
RAN = {"built": {"environment": BUILT["id"], "solution": BUILT["digest"]}}


def wanting(*packages, **more):
    return submission(source_task(environment={"packages": list(packages)}, **more))


def refused(client, body):
    answer = client.post("/api/v1/jobs", json=body)
    assert answer.status_code == 422
    return answer.json["error"]


@pytest.fixture
def prepared(client, road, commands):
    """Submit a job that wants polars and have its environment; the job and its place."""
    job = submit(client, wanting("polars"))
    road.step()
    place = commands.take("prepare")["runtime"]
    road.tell("prepared", runtime=place, image="sha256:p", built=BUILT)
    return job, place


def start(road, commands):
    road.step()
    told = commands.take("start")
    road.tell("started", attempt=told["attempt"], image="sha256:p", warm=False, **RAN)
    return told


def test_it_waits_until_its_packages_are_there_and_others_go_on(client, road, commands):
    job = submit(client, wanting("Polars >= 1"))
    other = submit(client)
    road.step()
    asked = commands.take("prepare")
    assert asked["runtime"].startswith("python:3.14+")
    assert asked["wanted"] == {"language": "python", "packages": ["polars>=1"]}
    assert commands.take("start")["runtime"] == "python:3.14"
    assert (road.job(job["id"])["state"], road.job(other["id"])["attempt"]) == ("waiting", 1)
    road.tell("preparing", runtime=asked["runtime"], note="building python:3.14 + polars>=1, 2 s")
    assert client.get(f"/api/v1/jobs/{job['id']}").json["job"]["note"] == "building python:3.14 + polars>=1, 2 s"
    assert client.get(f"/api/v1/jobs/{job['id']}").json["job"]["runtime"] == "python:3.14"


def test_jobs_that_want_the_same_share_one_build(client, road, commands):
    submit(client, wanting("polars", "numpy"))
    submit(client, wanting("numpy", "polars"))
    road.step()
    place = commands.take("prepare")["runtime"]
    road.step()
    assert "prepare" not in commands.verbs()
    road.tell("prepared", runtime=place, image="sha256:p", built=BUILT)
    assert [told["runtime"] for told in commands.sent if told["verb"] == "start"] == [place, place]


def test_the_record_has_what_it_ran_with(client, road, commands, prepared):
    job, place = prepared
    told = start(road, commands)
    assert (told["runtime"], told["wanted"]["packages"]) == (place, ["polars"])
    assert client.get(f"/api/v1/jobs/{job['id']}").json["job"]["environment"]["id"] == BUILT["id"]
    record = client.get(f"/api/v1/jobs/{job['id']}/record").json["packages"]
    assert record == {"environment": BUILT["id"], "asked": ["polars"], "packages": PACKAGES}


def test_a_job_without_packages_has_none_in_its_record(client, road):
    job = submit(client)
    road.started()
    assert client.get(f"/api/v1/jobs/{job['id']}/record").json["packages"] is None


def test_once_more_is_with_the_very_same_packages(client, road, commands, prepared):
    job, place = prepared
    attempt = start(road, commands)["attempt"]
    road.leave(attempt, result={"kind": "null"})
    road.exit(attempt, 0)
    again = client.post(f"/api/v1/jobs/{job['id']}/rerun").json["job"]
    road.step()
    asked = commands.take("prepare")
    assert asked["runtime"] != place
    assert (asked["wanted"]["of"], asked["wanted"]["solved"]) == (BUILT["id"], PACKAGES)
    other = [PACKAGES[0] | {"version": "1.36.0"}, PACKAGES[1]]
    road.tell("prepared", runtime=asked["runtime"], image="sha256:p", built=BUILT | {"digest": "x", "packages": other})
    road.step()
    ran = {"built": {"environment": "env_1", "solution": "x"}}
    road.tell("started", attempt=commands.take("start")["attempt"], image="sha256:p", **ran)
    record = client.get(f"/api/v1/jobs/{again['id']}/record").json["packages"]
    assert record["differences"] == ["polars 1.35.0 is 1.36.0"]


def test_a_build_that_fails_fails_its_jobs_alone(client, road, commands):
    job, other = submit(client, wanting("polarz")), submit(client, wanting("polars"))
    road.step()
    places = {told["wanted"]["packages"][0]: told["runtime"] for told in commands.sent if told["verb"] == "prepare"}
    said = {"message": "There is no package polarz.", "hint": "Did you mean `polars`?", "log_tail": ["no"]}
    road.tell("prepare_failed", runtime=places["polarz"], **said)
    row = road.job(job["id"])
    assert (row["state"], row["cause"], row["error"]["message"]) == ("failed", "environment", said["message"])
    assert row["error"]["log_tail"] == {"build": ["no"]}
    assert road.job(other["id"])["state"] == "waiting"


def test_a_build_that_nobody_waits_for_is_ended_and_one_who_comes_has_it_built_again(client, road, commands):
    one, two = submit(client, wanting("polars")), submit(client, wanting("polars"))
    road.step()
    place = commands.take("prepare")["runtime"]
    client.post(f"/api/v1/jobs/{one['id']}/cancel")
    road.step()
    assert "abandon" not in commands.verbs()
    client.post(f"/api/v1/jobs/{two['id']}/cancel")
    road.step()
    assert commands.take("abandon")["runtime"] == place
    late = submit(client, wanting("polars"))
    road.step()
    assert "prepare" not in commands.verbs()
    road.tell("prepare_failed", runtime=place, message="x", hint="y", log_tail=[], abandoned=True)
    assert road.job(late["id"])["state"] == "waiting"
    assert commands.take("prepare")["runtime"] == place


def test_after_the_warden_came_back_packages_are_asked_for_anew(client, road, commands, prepared):
    _, place = prepared
    start(road, commands)
    road.connect()
    submit(client, wanting("polars"))
    road.step()
    assert commands.take("prepare")["runtime"] == place


def test_a_session_has_its_packages_and_its_calls_no_others(client, road, commands):
    body = submission({"language": "python", "function": {"type": "session"}, "environment": {"packages": ["polars"]}})
    session = submit(client, body)
    assert session["runtime"] == "python:3.14"
    call = submit(client, submission(source_task(session=session["id"])))
    assert call["runtime"] == "python:3.14"
    assert road.job(call["id"])["runtime"] == road.job(session["id"])["runtime"]
    error = refused(client, wanting("numpy", session=session["id"]))
    assert "has its packages already" in error["message"]


def test_a_sweep_has_one_environment_for_all_its_points(client, road, commands):
    task = source_task("def f(x):\n    return x\n", environment={"packages": ["polars"]})
    body = {"protocol": 1, "task": task, "values": {"items": []}, "points": {"n": 3, "columns": []}}
    answer = client.post("/api/v1/jobs/batch", json=body)
    if answer.status_code != 201:
        pytest.fail(str(answer.json))
    road.step()
    place = commands.take("prepare")["runtime"]
    road.tell("prepared", runtime=place, image="sha256:p", built=BUILT)
    assert commands.take("start")["runtime"] == place


@pytest.mark.row("JS16")
@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"packages": ["--index-url=x"]}, "is an option"),
        ({"packages": ["x @ https://evil.example"]}, "names an address"),
        ({"image": IMAGE}, "is not on this gateway's list"),
        ({"lockfile": {"format": "renv.lock", "text": "{}"}}, "The task is of Python, and renv.lock is of R."),
    ],
)
def test_what_is_no_wish_is_refused_and_nothing_stays(client, services, road, environment, said):
    assert said in refused(client, submission(source_task(environment=environment)))["message"]
    assert services.database.rows("SELECT * FROM environments") == []


@pytest.mark.row("JS16")
@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"packages": []},
        {"packages": ["x"] * 501},
        {"packages": ["x" * 301]},
        {"packages": [1]},
        {"packages": ["polars"], "image": IMAGE},
        {"image": "latest"},
        {"index": "https://evil.example"},
        {"lockfile": {"format": "Pipfile", "text": "x"}},
        {"lockfile": {"format": "uv.lock", "text": json.dumps("x"), "index": "x"}},
    ],
)
def test_what_the_schema_does_not_know_is_refused(client, environment):
    refused(client, submission(source_task(environment=environment)))
