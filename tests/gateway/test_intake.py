"""Files that a client on this machine wrote itself: renamed into place, and nobody else's."""

import hashlib
import json
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from landbridge_gateway.depot import handed
from landbridge_gateway.depot.stamps import stamp
from landbridge_gateway.errors import InvalidField
from landbridge_gateway.web.services import Services

from tests.gateway.conftest import ROOT, Schemas, fetched, source_task, submission, submit
from tests.patience import until

NAME = "c_0123456789abcdef"


@pytest.fixture
def intake(services):
    return services.layout.intake


def nonce(client):
    return (Path(client.get("/api/v1").json["depot"]["intake"]) / "nonce").read_text()


def hand_over(client, name=NAME, said=None, **query):
    headers = {"Landbridge-Nonce": nonce(client) if said is None else said}
    return client.post("/api/v1/objects", query_string={"intake": name, "format": "arrow", **query}, headers=headers)


def test_the_file_itself_becomes_the_object(client, services, intake):
    path = intake / NAME
    path.write_bytes(b"table")
    number = path.stat().st_ino
    answer = hand_over(client)
    assert answer.status_code == 201
    told = answer.json["object"]
    assert (told["size"], told["digest"]) == (5, "sha256:" + hashlib.sha256(b"table").hexdigest())
    kept = services.layout.object_file(told["id"], "arrow")
    assert (kept.stat().st_ino, oct(kept.stat().st_mode & 0o777)) == (number, "0o444")
    assert not path.exists()
    assert fetched(client, told["id"]) == b"table"


def test_the_digest_of_a_large_one_follows_while_nobody_waits(client, services, intake, monkeypatch):
    monkeypatch.setattr(handed, "SYNCED_AT_ONCE", 0)
    (intake / NAME).write_bytes(b"table")
    made = hand_over(client).json["object"]["id"]
    digest = until(lambda: services.objects.get(made, "owner")["digest"], "the digest")
    assert digest == f"sha256:{hashlib.sha256(b'table').hexdigest()}"


def test_only_who_sees_the_nonce_hands_over(client, intake):
    (intake / NAME).write_bytes(b"table")
    for said in ("", "0" * 32, "é"):
        answer = hand_over(client, said=said)
        assert (answer.status_code, answer.json["error"]["code"]) == (403, "forbidden")
    assert client.post(f"/api/v1/objects?intake={NAME}").status_code == 403
    assert (intake / NAME).read_bytes() == b"table"


def test_a_new_start_has_a_new_nonce(services, settings, client):
    before = nonce(client)
    Services.open(settings, Schemas(ROOT / "containers" / "schema")).close()
    assert nonce(client) != before


@pytest.mark.parametrize("name", ["../token", "nonce", "c_0123456789abcdeF", "c_0", "/etc/passwd", "c_" + "a" * 41, ""])
def test_names_that_are_none(client, name):
    assert hand_over(client, name).status_code == 422


@pytest.mark.row("UP9")
def test_the_second_of_two_who_name_one_file(client, intake):
    (intake / NAME).write_bytes(b"table")
    assert hand_over(client).status_code == 201
    again = hand_over(client)
    assert again.status_code == 422
    assert "handed over before, or never written" in again.json["error"]["message"]


@pytest.mark.row("UP9")
def test_two_clients_that_name_one_file_at_the_same_time_make_one_object(services, intake):
    """One has it, and the other is told so; neither half of the file is lost or doubled."""
    with ThreadPoolExecutor(2) as clients:
        for number in range(20):
            name, both = f"c_{number:016}", threading.Barrier(2)
            (intake / name).write_bytes(b"table")
            told = list(clients.map(lambda args: _taken(services, *args), [(name, both)] * 2))
            (stored,) = [one for one in told if not isinstance(one, InvalidField)]
            (refused,) = [one for one in told if isinstance(one, InvalidField)]
            assert "handed over before, or never written" in refused.message
            assert services.layout.object_file(stored.id, "arrow").read_bytes() == b"table"
    assert list(intake.glob("*.handed")) == []


def _taken(services, name, both):
    both.wait(30)
    try:
        return services.intake.take(name, "arrow", 100, services.quota.room("owner"))
    except InvalidField as refused:
        return refused


@pytest.mark.parametrize("kind", ["symlink", "hard link", "pipe", "folder"])
def test_what_is_no_plain_file_of_its_own(client, intake, tmp_path, kind):
    secret = tmp_path / "secret"
    secret.write_text("secret")
    path = intake / NAME
    made = {
        "symlink": lambda: path.symlink_to(secret),
        "hard link": lambda: path.hardlink_to(secret),
        "pipe": lambda: os.mkfifo(path),
        "folder": path.mkdir,
    }
    made[kind]()
    answer = hand_over(client)
    assert answer.json["error"]["message"] == f"`{NAME}` is not a plain file of its own."
    assert secret.read_text() == "secret"
    assert not path.exists()


def test_a_file_beyond_the_limit(client, services, intake, monkeypatch):
    monkeypatch.setitem(services.settings.values, "max_object", 3)
    (intake / NAME).write_bytes(b"table")
    assert hand_over(client).status_code == 413
    assert not (intake / NAME).exists()


def test_what_dead_clients_left_goes_after_a_day(client, intake):
    left, new = intake / "c_aaaaaaaaaaaaaaaa", intake / "c_bbbbbbbbbbbbbbbb"
    for path in (left, new):
        path.write_bytes(b"half")
    os.utime(left, (1, 1))
    (intake / NAME).write_bytes(b"table")
    assert hand_over(client).status_code == 201
    assert (left.exists(), new.exists()) == (False, True)


def test_a_start_removes_them_too_and_leaves_those_that_are_being_written(services, settings, intake):
    left, new = intake / "c_aaaaaaaaaaaaaaaa", intake / "c_bbbbbbbbbbbbbbbb"
    for path in (left, new):
        path.write_bytes(b"half")
    os.utime(left, (1, 1))
    Services.open(settings, Schemas(ROOT / "containers" / "schema")).close()
    assert (left.exists(), new.exists()) == (False, True)


def test_a_file_that_is_changed_after_it_was_named_fails_the_job(client, road, services, intake):
    (intake / NAME).write_bytes(b"table")
    with (intake / NAME).open("r+b") as kept_open:
        made = hand_over(client).json["object"]["id"]
        path = services.layout.object_file(made, "arrow")
        before = stamp(path)
        kept_open.write(b"other table")
        kept_open.flush()
        os.utime(path, (2, 2))
    assert stamp(path) != before
    node = {"kind": "file", "object": made, "name": "x.arrow", "media_type": None}
    job = submit(client, submission(source_task(), [None, node]))["id"]
    road.step()
    row = road.job(job)
    assert (row["state"], row["cause"]) == ("failed", "input")
    assert json.dumps(row["error"]).count(f"The file of {made} was changed after it was handed over.") == 1
