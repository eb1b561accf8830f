"""Native objects carry the gateway's signature out, and must carry it in."""

from __future__ import annotations

import pytest
from landbridge_gateway.signing import is_signed, sign

from tests.gateway.conftest import NULL, fetched, source_task, submission, submit

KEY = b"k" * 32
FACTS = {"digest": "sha256:00", "language": "r", "codec": "rds", "job": "job_1"}
PNG = b"\x89PNG\r\n\x1a\nnot looked at"


def model(reference="new:model.rds", **more):
    return {"kind": "native", "object": reference, "language": "r", "codec": "rds", "class": ["lm"]} | more


def listed(*nodes):
    return {"kind": "list", "shape": "list", "items": [[None, node] for node in nodes]}


def test_a_signature_holds_for_exactly_its_facts():
    signature = sign(KEY, **FACTS)
    assert is_signed(KEY, signature, **FACTS)
    for name in FACTS:
        assert not is_signed(KEY, signature, **FACTS | {name: "other"})
    assert not is_signed(b"x" * 32, signature, **FACTS)
    for given in (None, "", 1, [], "é", signature[:-1], signature.upper()):
        assert not is_signed(KEY, given, **FACTS)


def test_facts_cannot_be_shifted_into_each_other():
    assert sign(KEY, **FACTS | {"language": 'r", "', "codec": "ds"}) != sign(KEY, **FACTS)


def test_the_key_is_private_and_stays(services):
    path = services.home.path / "signing_key"
    assert path.stat().st_mode & 0o777 == 0o600
    assert services.home.signing_key() == services.signing_key == bytes.fromhex(path.read_text())
    assert len(services.signing_key) == 32
    assert services.signing_key.hex() not in repr(services)
    assert repr(services.signing_key) not in repr(services)


@pytest.fixture
def made(client, road):
    """A job whose result holds a model with a picture, and a frame of bytes beside it."""
    job = submit(client)["id"]
    attempt = road.started()
    folder = road.folder(attempt)
    for name, data in (("model.rds", b"RDS"), ("plot.png", PNG), ("other.pkl", b"PKL"), ("table.arrow", b"ARROW1")):
        (folder.objects / name).write_bytes(data)
    native = model(summary={"text": "a model", "facts": {"n": 50}, "picture": "new:plot.png"})
    pickled = {"kind": "native", "object": "new:other.pkl", "language": "python", "codec": "pickle"}
    table = {"kind": "frame", "object": "new:table.arrow", "rows": 0, "columns": [], "descriptor": {}}
    road.leave(attempt, result=listed(native, pickled, table))
    return job


def parts(client, job):
    return [node for _, node in client.get(f"/api/v1/jobs/{job}").json["job"]["result"]["items"]]


def test_what_a_job_made_is_signed_and_can_be_handed_on(client, services, made):
    native, pickled, table = parts(client, made)
    assert native["signature"].startswith("hmac-sha256:")
    assert native["signature"] != pickled["signature"]
    assert "signature" not in table
    submit(client, submission(None, ["m", listed(native, pickled)]))
    row = services.objects.get(native["object"], "owner")
    with client.get(f"/api/v1/objects/{row['id']}") as answer:
        assert answer.headers["Landbridge-Digest"] == row["digest"]


def test_a_picture_is_adopted_and_served(client, services, made):
    native, _, _ = parts(client, made)
    picture = native["summary"]["picture"]
    assert services.objects.get(picture, "owner")["format"] == "png"
    assert fetched(client, picture) == PNG
    with client.get(f"/api/v1/objects/{picture}") as answer:
        assert answer.mimetype == "image/png"


def test_a_handle_that_is_handed_on_takes_its_picture_along(client, road, made):
    native, _, _ = parts(client, made)
    passed = submit(client, submission(None, ["m", {"kind": "job", "job": made, "path": [0]}]))["id"]
    attempt = road.started()
    names = {path.name for path in road.folder(attempt).inputs.iterdir()}
    assert names == {f"{native['object']}.rds", f"{native['summary']['picture']}.png"}
    road.leave(attempt, result={name: part for name, part in native.items() if name != "signature"})
    assert client.get(f"/api/v1/jobs/{passed}").json["job"]["result"] == native


@pytest.mark.parametrize(
    "change",
    [
        {"signature": None},
        {"signature": "hmac-sha256:" + "0" * 64},
        {"language": "python"},
    ],
)
def test_a_forged_node_is_refused_wherever_it_stands(client, made, change):
    native, _, _ = parts(client, made)
    forged = native | change
    inner = {"type": "source", "name": "g", "text": "def g():\n    pass\n", "free": [{"name": "m", "value": forged}]}
    task = source_task()
    task["function"] |= {"free": [{"name": "g", "source": inner}]}
    for body, field in (
        (submission(None, [None, forged]), "values.items[0][1]"),
        (
            submission(None, [None, NULL], ["m", listed(NULL, listed(forged))]),
            "values.items[1][1].items[1][1].items[0][1]",
        ),
        (submission(task), "task.function.free[0].source.free[0].value"),
    ):
        answer = client.post("/api/v1/jobs", json=body)
        assert answer.status_code == 422, answer.json
        error = answer.json["error"]
        assert (error["code"], error["detail"]["field"]) == ("invalid_field", field)
        assert "without a valid signature of this gateway" in error["message"]
        assert error["hint"]


def test_another_objects_signature_does_not_do(client, made):
    native, pickled, table = parts(client, made)
    for forged in (
        pickled | {"signature": native["signature"]},
        native | {"object": table["object"]},
        native | {"object": pickled["object"]},
    ):
        assert client.post("/api/v1/jobs", json=submission(None, [None, forged])).status_code == 422


@pytest.mark.usefixtures("road")
def test_an_upload_is_native_in_its_own_format_only(client):
    ids = {
        format: client.post(f"/api/v1/objects?format={format}", data=b"bytes").json["object"]["id"]
        for format in ("rds", "pickle", "file")
    }
    submit(client, submission(None, [None, model(ids["rds"])]))
    for format in ("pickle", "file"):
        answer = client.post("/api/v1/jobs", json=submission(None, [None, model(ids[format])]))
        assert answer.status_code == 422
        assert f"of the format `{format}`" in answer.json["error"]["message"]


def test_a_saved_value_is_signed_too(client, road):
    job = submit(client)["id"]
    attempt = road.started()
    folder = road.folder(attempt)
    (folder.objects / "model.rds").write_bytes(b"RDS")
    event = '{"event": "artifact", "at": "2026-11-23T10:00:00.000000Z", "name": "m", "value": %s}\n'
    folder.events.write_text(event % '{"kind": "native", "object": "new:model.rds", "language": "r", "codec": "rds"}')
    road.leave(attempt, result=NULL)
    (saved,) = client.get(f"/api/v1/jobs/{job}/record").json["artifacts"]
    submit(client, submission(None, [None, saved["value"]]))


def test_a_job_cannot_call_another_file_a_native_object(client, road):
    job = submit(client)["id"]
    attempt = road.started()
    (road.folder(attempt).objects / "table.arrow").write_bytes(b"ARROW1")
    road.leave(attempt, result=model("new:table.arrow"))
    road.exit(attempt, 0)
    ended = client.get(f"/api/v1/jobs/{job}").json["job"]
    assert (ended["state"], ended["cause"]) == ("failed", "protocol")
    assert "calls new:table.arrow a native object" in str(ended["error"])
