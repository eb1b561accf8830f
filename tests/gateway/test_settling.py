"""Large files that came over HTTP: objects at once, and on the disk before a job is accepted that is given them."""

import errno
import hashlib
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import xxhash
from landbridge_gateway.depot import objects as objects_module
from landbridge_gateway.depot.stamps import SETTLING, UNSURE
from landbridge_gateway.schemas import Schemas
from landbridge_gateway.web.app import create_app
from landbridge_gateway.web.services import Services

from tests.gateway.conftest import ROOT, NotedCommands, Road, fetched, submission, submit
from tests.patience import PATIENCE, until

DATA = bytes(range(256)) * 40
SHA256 = f"sha256:{hashlib.sha256(DATA).hexdigest()}"
XXH128 = f"xxh128:{xxhash.xxh3_128_hexdigest(DATA)}"


class Slow:
    """A disk that takes the files of the depot only when it is let, or fails."""

    def __init__(self, monkeypatch):
        self.asked, self.let, self.problem = threading.Event(), threading.Event(), 0
        self.synced = []
        whole = os.fsync

        def fsync(descriptor):
            path = Path(f"/proc/self/fd/{descriptor}").readlink()
            if path.suffix == ".bin":
                self.asked.set()
                assert self.let.wait(PATIENCE)
                if self.problem:
                    raise OSError(self.problem, os.strerror(self.problem))
                self.synced.append(path.stem)
            whole(descriptor)

        monkeypatch.setattr(os, "fsync", fsync)


@pytest.fixture
def disk(monkeypatch):
    monkeypatch.setattr(objects_module, "SYNCED_AT_ONCE", 1000)
    slow = Slow(monkeypatch)
    yield slow
    slow.let.set()


def send(client, digest=XXH128, data=DATA):
    headers = {"Landbridge-Digest": digest} if digest else {}
    answer = client.post("/api/v1/objects?format=file", data=data, headers=headers)
    assert answer.status_code == 201, answer.json
    return answer.json["object"]["id"]


def send_in_parts(client):
    upload = client.post(f"/api/v1/uploads?size={len(DATA)}&format=file&digest=xxh128").json["upload"]["id"]
    assert client.put(f"/api/v1/uploads/{upload}?offset=0", data=DATA).status_code == 200
    answer = client.post(f"/api/v1/uploads/{upload}/end", headers={"Landbridge-Digest": XXH128})
    assert answer.status_code == 201, answer.json
    return answer.json["object"]["id"]


def given(made):
    return submission(None, [None, {"kind": "file", "object": made, "name": "t.bin"}])


@pytest.fixture
def beside():
    with ThreadPoolExecutor(1) as pool:
        yield pool


@pytest.mark.parametrize("way", [send, send_in_parts])
def test_who_sends_does_not_wait_and_the_job_that_is_given_it_does(
    road, services, client, disk, beside, way, monkeypatch
):
    made = way(client)
    assert disk.asked.wait(PATIENCE)
    assert services.objects.get(made)["stamp"] == SETTLING
    assert fetched(client, made) == DATA
    waits, before = threading.Event(), services.settling.wait
    monkeypatch.setattr(services.settling, "wait", lambda wanted: waits.set() or before(wanted))
    waiting = beside.submit(submit, client, given(made))
    assert waits.wait(PATIENCE)
    assert services.database.rows("SELECT id FROM jobs") == []
    disk.let.set()
    assert services.jobs.get(waiting.result(PATIENCE)["id"])["state"] == "queued"
    assert disk.synced[0] == made
    assert services.objects.get(made)["stamp"] is None
    until(lambda: services.objects.get(made)["digest"] == SHA256, "its own digest")


@pytest.mark.parametrize(("digest", "data"), [(SHA256, DATA), (None, DATA), (None, b"small")])
def test_what_is_small_or_has_the_digest_of_an_object_is_on_the_disk_at_once(
    services, client, monkeypatch, digest, data
):
    monkeypatch.setattr(objects_module, "SYNCED_AT_ONCE", 1000)
    synced, whole = [], os.fsync

    def fsync(descriptor):
        synced.append(Path(f"/proc/self/fd/{descriptor}").readlink().stem)
        whole(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    made = send(client, digest, data)
    assert made in synced
    row = services.objects.get(made)
    assert (row["stamp"], row["digest"]) == (None, f"sha256:{hashlib.sha256(data).hexdigest()}")


@pytest.mark.parametrize(("number", "code"), [(errno.EIO, "disk_failed"), (errno.ENOSPC, "disk_full")])
def test_one_that_the_disk_did_not_take_is_refused_from_then_on(road, services, client, disk, number, code):
    disk.problem = number
    made = send(client)
    assert disk.asked.wait(PATIENCE)
    job, waits = {}, threading.Event()

    def ask():
        waits.set()
        job["answer"] = client.post("/api/v1/jobs", json=given(made))

    asking = threading.Thread(target=ask)
    asking.start()
    assert waits.wait(PATIENCE)
    disk.let.set()
    asking.join(PATIENCE)
    # It comes in time to be told of the failure, or finds what that left behind.
    assert job["answer"].json["error"]["code"] in (code, "conflict")
    until(lambda: services.objects.get(made)["stamp"] == UNSURE, "the word that it may not be whole")
    refused(client, made)


def refused(client, made):
    for answer in (
        client.post("/api/v1/jobs", json=given(made)),
        client.get(f"/api/v1/objects/{made}"),
        client.get(f"/api/v1/objects/{made}/digest"),
        client.get(f"/api/v1/objects/{made}/digest?algorithm=xxh128"),
    ):
        assert (answer.status_code, answer.json["error"]["code"]) == (409, "conflict")
        assert f"{made} may not be whole" in answer.json["error"]["message"]
        assert answer.json["error"]["hint"] == "Send the object again."


def test_the_digest_of_one_is_made_once_it_is_on_the_disk(services, client, disk, beside):
    made = send(client)
    assert disk.asked.wait(PATIENCE)
    asked = beside.submit(client.get, f"/api/v1/objects/{made}/digest")
    assert services.objects.get(made)["digest"] is None
    disk.let.set()
    assert asked.result(PATIENCE).json["digest"] == SHA256
    assert disk.synced


def opened(settings):
    services = Services.open(settings, Schemas(ROOT / "containers" / "schema"))
    road = Road(services, NotedCommands())
    services.scheduler._commands = road.commands
    road.connect()
    client = create_app(services).test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {services.home.token()}"
    return services, client


@pytest.fixture
def left(settings, disk, monkeypatch, tmp_path):
    """A home whose gateway was gone before the disk had taken an object, and the machine with it where ``cut``."""
    boot = tmp_path / "boot_id"
    boot.write_text("before\n")
    monkeypatch.setattr("landbridge_gateway.home._BOOT", boot)

    def made(cut):
        services, client = opened(settings)
        with monkeypatch.context() as gone:
            gone.setattr(services.settling, "begin", lambda *_: None)
            sent = send(client)
        disk.let.set()
        services.close()
        disk.let.clear()
        services.home.begin_service()  # as if it had never come to close
        if cut:
            boot.write_text("after\n")
        return sent

    return made


@pytest.mark.parametrize("goes_on", [True, False], ids=["it goes on", "nobody went on"])
def test_a_job_waits_for_it_also_where_the_next_gateway_was_started(left, settings, disk, goes_on):
    made = left(cut=False)
    services, client = opened(settings)
    assert services.objects.get(made)["stamp"] == SETTLING
    disk.synced.clear()
    disk.let.set()
    if goes_on:
        services.settling.go_on()
    assert submit(client, given(made))["state"] == "queued"
    assert disk.synced[0] == made
    services.close()


def test_after_a_power_cut_it_is_doubted(left, settings, disk):
    made = left(cut=True)
    disk.let.set()
    services, client = opened(settings)
    services.settling.go_on()
    services.collector.catch_up()
    assert services.objects.get(made)["stamp"] == UNSURE
    refused(client, made)
    services.close()
    assert services.home.all_on_disk()


def test_who_removes_it_meanwhile_leaves_nothing_to_wait_for(services, client, disk):
    made = send(client)
    assert disk.asked.wait(PATIENCE)
    other = send(client, data=DATA[:5000], digest=f"xxh128:{xxhash.xxh3_128_hexdigest(DATA[:5000])}")
    services.layout.object_file(other, "file").unlink()
    disk.let.set()
    services.settling.wait([made, other])
    assert services.objects.get(made)["stamp"] is None
    services.objects.restamp(other, SETTLING, None)  # as its row would be gone
