"""What may be told only when it is on the disk, and what a power cut may have caught."""

import errno
import json
import os
from pathlib import Path

import pytest
from landbridge_gateway.depot import handed
from landbridge_gateway.schemas import Schemas
from landbridge_gateway.web.app import create_app
from landbridge_gateway.web.services import Services

from tests.gateway.conftest import NULL, ROOT, NotedCommands, Road, submission, submit

FILE = {"kind": "file", "object": "new:made.bin", "name": "made.bin"}


def begun(road, client, **more):
    job = submit(client, submission(**more))["id"]
    road.step()
    return job, road.commands.take("start")["attempt"]


def left(road, attempt, result=NULL):
    """A worker that ran to its end, of which nobody heard."""
    folder = road.folder(attempt)
    folder.events.write_text(json.dumps({"event": "started", "at": "2024-01-01T00:00:00Z", "versions": {}}) + "\n")
    if result is not None:
        folder.result.write_text(json.dumps(result))


def test_a_job_that_ended_while_nobody_looked_is_not_begun_again(road, client):
    job, attempt = begun(road, client)
    left(road, attempt)
    road.tell("disconnected")
    road.connect()
    assert road.job(job)["state"] == "succeeded"
    assert "start" not in road.commands.verbs()


def test_a_job_that_began_and_left_nothing_is_lost_and_not_begun_again(road, client):
    job, attempt = begun(road, client)
    left(road, attempt, result=None)
    road.tell("disconnected")
    road.connect()
    assert road.job(job)["state"] == "lost"
    assert "start" not in road.commands.verbs()


def test_of_an_attempt_that_never_began_no_folder_is_left(road, client):
    job, attempt = begun(road, client)
    road.tell("disconnected")
    road.connect()
    assert not road.folder(attempt).path.exists()
    road.step()
    assert road.commands.take("start")["attempt"] == f"{job}.2"


@pytest.mark.parametrize("number", [errno.EIO, errno.ENOSPC])
def test_a_result_that_the_disk_does_not_take_is_no_success(road, client, services, monkeypatch, number):
    job = submit(client)["id"]
    attempt = road.started()
    (road.folder(attempt).objects / "made.bin").write_bytes(b"made")
    whole = os.fsync

    def fsync(descriptor):
        if Path(f"/proc/self/fd/{descriptor}").readlink().suffix == ".bin":
            raise OSError(number, os.strerror(number))
        whole(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    road.leave(attempt, result=FILE)
    row = road.job(job)
    assert (row["state"], row["cause"]) == ("failed", "disk")
    assert ("full" if number == errno.ENOSPC else os.strerror(number)) in row["error"]["message"]


def test_the_end_of_a_job_waits_for_the_disk_and_the_others_do_not(road, client, services):
    job, other = submit(client)["id"], submit(client)["id"]
    attempt, second = road.started(), road.started()
    (road.folder(attempt).objects / "made.bin").write_bytes(b"made")
    road.folder(attempt).result.write_text(json.dumps(FILE))
    scheduler = services.scheduler
    scheduler.handle({"event": "finished", "attempt": attempt})
    assert road.job(job)["state"] == "running"
    # Its container ends meanwhile, and another job does.
    scheduler.handle({"event": "exited", "attempt": attempt, "exit": {"code": 0}})
    road.folder(second).result.write_text(json.dumps(NULL))
    scheduler.handle({"event": "finished", "attempt": second})
    assert road.job(other)["state"] == "succeeded"
    while (event := scheduler._inbox.get(timeout=10))["event"] != "synced":
        scheduler.handle(event)
    scheduler.handle(event)
    assert road.job(job)["state"] == "succeeded"
    assert services.jobs.attempt(job, 1)["state"] == "exited"


@pytest.fixture
def cut(settings, tmp_path, monkeypatch):
    """A home whose machine was switched off just after a table was handed over, or after all was on the disk."""
    monkeypatch.setattr(handed, "SYNCED_AT_ONCE", 0)
    boot = tmp_path / "boot_id"
    boot.write_text("before\n")
    monkeypatch.setattr("landbridge_gateway.home._BOOT", boot)

    def made(on_disk):
        services = Services.open(settings, Schemas(ROOT / "containers" / "schema"))
        monkeypatch.setattr(services.scheduler.starting, "accept", lambda *_: None)  # it stands in line
        monkeypatch.setattr(services.collector, "digest_soon", lambda *_: None)
        road = Road(services, NotedCommands())
        road.connect()
        client = create_app(services).test_client()
        client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {services.home.token()}"
        intake = services.layout.intake
        (intake / "c_0123456789abcdef").write_bytes(b"table")
        answer = client.post(
            "/api/v1/objects?intake=c_0123456789abcdef&format=file",
            headers={"Landbridge-Nonce": (intake / "nonce").read_text()},
        )
        value = {"kind": "file", "object": answer.json["object"]["id"], "name": "t"}
        job = submit(client, submission(None, [None, value]))["id"]
        services.close()
        if not on_disk:
            services.home.begin_service()  # as if it had never come to close
        boot.write_text("after\n")
        return job

    return made


@pytest.mark.parametrize("on_disk", [False, True], ids=["cut", "switched off in peace"])
def test_a_file_that_a_cut_may_have_caught(cut, settings, on_disk):
    job = cut(on_disk)
    services = Services.open(settings, Schemas(ROOT / "containers" / "schema"))
    road = Road(services, NotedCommands())
    services.scheduler._commands = road.commands
    road.connect()
    road.step()
    row = services.jobs.get(job)
    if on_disk:
        assert row["state"] == "queued"
    else:
        assert (row["state"], row["cause"]) == ("failed", "input")
        assert "came just before a power cut, and may not be whole" in row["error"]["message"]
    services.close()


def test_who_is_killed_before_it_took_up_what_ran_leaves_the_power_cut_to_the_next(cut, settings):
    cut(on_disk=True)
    for _ in range(2):
        services = Services.open(settings, Schemas(ROOT / "containers" / "schema"))
        assert services.scheduler._recovery.machine_restarted
        services.database.close()
