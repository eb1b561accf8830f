"""Submissions from strangers: what is no field is none, what has a range is held to it, and text stays text."""

import json
import time

import pytest

from tests.gateway.conftest import NULL, source_task, submission, submit
from tests.hostile.answers import refused

JOB = "job_0000000000000000"


def post(client, body, **headers):
    return client.post("/api/v1/jobs", json=body, headers=headers)


@pytest.mark.row("JS1")
@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"colour": 1}, ""),
        ({"task": source_task(colour=1)}, "task"),
        ({"task": {"language": "python"}}, "task"),
        ({"task": source_task(name=1)}, "task.name"),
        ({"values": {"items": [[1, NULL]]}}, "values.items[0][0]"),
    ],
)
def test_a_wrong_field_is_named(client, road, change, field):
    answer = post(client, submission() | change)
    refused(answer, 422, "invalid_field")
    assert answer.json["error"]["detail"]["field"] == field


NO_FIELDS = {
    "JS2": ["image", "digest", "registry"],
    "JS3": [
        *("privileged", "cap_add", "devices", "pid", "ipc", "volumes", "mounts", "security_opt", "runtime_class"),
        *("cgroup_parent", "userns", "user", "entrypoint", "hostname", "labels", "dns", "sysctls"),
    ],
    "JS4": ["working_dir", "workdir", "cwd"],
    "JS5": ["environment", "env", "LD_PRELOAD", "PYTHONSTARTUP", "R_PROFILE"],
    "JS11": ["priority", "array", "replicas"],
    "JS13": ["callback", "webhook", "notify"],
    "JS16": ["install", "pip", "index_url", "repos", "requirements"],
    "JS18": ["locale", "timezone", "tz"],
    "SR3": ["engine", "backend", "address", "docker_host"],
}


@pytest.mark.row("JS2", "JS3", "JS4", "JS5", "JS11", "JS13", "JS16", "JS18", "SR3")
@pytest.mark.parametrize("names", NO_FIELDS.values(), ids=NO_FIELDS)
def test_there_is_no_such_field(client, road, services, names):
    for name in names:
        for body in (
            submission() | {name: "x"},
            submission(source_task(**{name: "x"})),
            submission(source_task(limits={name: "x"})),
            submission(source_task() | {"function": source_task()["function"] | {name: "x"}}),
        ):
            refused(post(client, body), 422, "invalid_field")
    assert services.database.rows("SELECT id FROM jobs") == []


IMAGES = [
    "python:latest", "docker.io/library/python:3.14", "evil.example/python@sha256:" + "0" * 64, "python:3.14@x",
    "sha256:p", "localhost:5000/x", "python:3.14\n", "PYTHON:3.14", "../python:3.14",
]  # fmt: skip


@pytest.mark.row("JS2", "SR2")
@pytest.mark.parametrize("image", IMAGES)
def test_an_image_is_chosen_by_the_name_of_a_runtime_only(client, road, commands, image):
    answer = post(client, submission(source_task(runtime=image)))
    refused(answer, 422)
    road.step()
    assert commands.verbs() == []


RANGES = {
    "memory": [0, -1, 1, 10**18, "1e9", 1.5, True, None, [1]],
    "cpus": [0, -1, 1e18, "2", True],
    "seconds": [0, -1, 10**9, "60", 0.5],
    "pids": [0, -1, 10**9, 1.5],
    "disk": [0, -1, 10**18, "10g"],
    "network": ["host", "bridge", "container:x", "", None],
}


@pytest.mark.row("JS3", "JS6", "JS7")
@pytest.mark.parametrize("name", RANGES)
def test_a_limit_is_held_to_its_range(client, road, name):
    for value in RANGES[name]:
        answer = post(client, submission(source_task(limits={name: value})))
        sentence = refused(answer, 422, "invalid_field")
        assert answer.json["error"]["detail"]["field"] == f"task.limits.{name}"
        if isinstance(value, int) and not isinstance(value, bool):
            assert " from " in sentence and " to " in sentence


@pytest.mark.row("JS6", "JS7")
@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity", "1e400"])
def test_a_limit_that_is_no_number_is_no_json(client, road, value):
    text = json.dumps(submission(source_task(limits={"seconds": 1}))).replace('"seconds": 1', f'"seconds": {value}')
    refused(client.post("/api/v1/jobs", data=text, content_type="application/json"), 400, "invalid_request")


@pytest.mark.row("JS7")
def test_without_a_limit_there_is_one_all_the_same(client, road):
    limits = submit(client, submission(source_task(limits=None)))["limits"]
    assert limits["seconds"] == 3600 and limits["network"] == "none"


@pytest.mark.row("JS9", "JS16")
@pytest.mark.parametrize(
    "package", ["-c", "-m", "/etc/passwd", "../bundle", "os;system", "a b", "https://x/y", "x\n", "", "x=1", ".hidden"]
)
def test_an_entry_point_is_a_package_and_nothing_else(client, road, package):
    function = {"type": "reference", "package": package, "name": "f"}
    for language in ("python", "r"):
        refused(post(client, submission({"language": language, "function": function})), 422, "invalid_field")
    refused(
        post(client, submission(source_task() | {"function": source_task()["function"] | {"packages": [package]}})), 422
    )


@pytest.mark.row("JS11", "JS12")
def test_counts_beyond_their_bounds_are_refused_in_bounded_time(client, road):
    begun = time.process_time()
    parents = [["x", {"kind": "job", "job": f"job_{number:016}"}] for number in range(100_000)]
    refused(post(client, submission(None, *parents)), 422, "invalid_field")
    one = ["x", {"kind": "list", "shape": "list", "items": [[None, node] for _, node in parents]}]
    refused(post(client, submission(None, one)), 422, "invalid_field")
    refused(post(client, submission(source_task(retries=10**6))), 422, "invalid_field")
    points = {"n": 10**9, "columns": []}
    refused(client.post("/api/v1/jobs/batch", json=submission() | {"points": points}), 422, "invalid_field")
    # A lookup of each would take ten times as long as reading the text of them.
    assert time.process_time() - begun < 60


@pytest.mark.row("JS12")
def test_a_job_cannot_wait_for_itself_or_for_one_that_is_not_there(client, road):
    refused(post(client, submission(None, ["x", {"kind": "job", "job": JOB}])), 404, "unknown_job")
    # A cycle would need the id of a job before there is one: ids are the gateway's, and 80 random bits.
    first, second = submit(client), submit(client)
    assert first["id"] != second["id"] and len(first["id"]) == len(JOB)
    refused(post(client, submission(source_task(id=JOB))), 422, "invalid_field")


@pytest.mark.row("JS14")
def test_the_data_of_another_is_not_there(client, caller, road):
    stored = client.post("/api/v1/objects?format=arrow", data=b"x").json["object"]["id"]
    job = submit(client)["id"]
    other = caller("bob")
    for node in ({"kind": "file", "object": stored, "name": "x"}, {"kind": "job", "job": job}):
        refused(other.post("/api/v1/jobs", json=submission(None, ["x", node])), 404)
    refused(other.get(f"/api/v1/objects/{stored}"), 404, "unknown_object")


@pytest.mark.row("JS15")
def test_a_key_is_for_one_body(client, road):
    key = {"Idempotency-Key": "once"}
    assert post(client, submission(), **key).status_code == 201
    refused(post(client, submission(source_task(name="other")), **key), 409, "conflict")
    assert post(client, submission(), **key).status_code == 200


@pytest.mark.row("JS17")
def test_a_bundle_of_code_has_a_bound(client, road, services):
    refused(post(client, submission(source_task("x" * 10_000_001))), 422, "invalid_field")
    many = [{"name": f"f{number}", "source": {"type": "source", "name": "f", "text": "1"}} for number in range(10_001)]
    body = submission(source_task() | {"function": source_task()["function"] | {"free": many}})
    refused(post(client, body), 422, "invalid_field")
    data = b" " * (services.settings.max_body + 1)
    refused(client.post("/api/v1/jobs", data=data, content_type="application/json"), 413, "too_large")


@pytest.mark.row("JS18")
@pytest.mark.parametrize("seed", ["1", -1, 2**31, 1.5, [], {"x": 1}, True])
def test_a_seed_is_a_whole_number_within_its_range(client, road, seed):
    refused(post(client, submission(source_task(seed=seed))), 422, "invalid_field")
