"""Digests are made while nobody waits: of a large object later, and never twice."""

import hashlib

import pytest
from landbridge_gateway.scheduler import late_digests
from landbridge_gateway.scheduler.late_digests import LateDigests
from landbridge_gateway.store.objects import UPLOAD, Objects

from tests.patience import until

SMALL, LARGE = b"small", bytes(11_000_000)


@pytest.fixture
def objects(services):
    return Objects(services.database)


@pytest.fixture
def stored(services, objects):
    """Puts bytes into the depot as an object without a digest."""

    def store(number, content):
        row = {"id": f"obj_{number:016d}", "format": "file"}
        path = services.layout.object_file(row["id"], row["format"])
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        objects.add(**row, owner="owner", origin=UPLOAD, name=None, size=len(content), digest=None)
        return row

    return store


@pytest.fixture
def made(monkeypatch):
    """The objects whose digests were made, in order."""
    found = []

    def digest_of(path):
        found.append(path.stem)
        return f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}"

    monkeypatch.setattr(late_digests, "digest_of", digest_of)
    return found


@pytest.fixture
def late(services, objects):
    digests = LateDigests(services.layout, objects)
    yield digests
    digests.close()


def test_a_large_object_waits_and_a_small_one_that_came_later_does_not(late, stored, objects, made):
    large, small = stored(1, LARGE), stored(2, SMALL)
    late.put_off(lambda: [large, small])
    until(lambda: objects.get(large["id"])["digest"], "the digest of the large object")
    assert made == [small["id"], large["id"]]
    assert objects.get(large["id"])["digest"] == f"sha256:{hashlib.sha256(LARGE).hexdigest()}"


def test_one_that_somebody_needed_is_not_made_again(late, stored, objects, made):
    known, marker = stored(1, SMALL), stored(2, SMALL)
    objects.set_digest(known["id"], "sha256:known")
    late.put_off(lambda: [known, marker])
    until(lambda: objects.get(marker["id"])["digest"], "the digest of the other object")
    assert made == [marker["id"]]


def test_one_that_is_gone_keeps_no_other_from_its_digest(late, services, stored, objects, made, caplog):
    missing, unknown, there = stored(1, SMALL), {"id": "obj_0000000000000009", "format": "file"}, stored(2, SMALL)
    services.layout.object_file(missing["id"], "file").unlink()

    def broken():
        raise RuntimeError("no list of these")

    late.put_off(broken)
    late.put_off(lambda: [missing, unknown, there])
    until(lambda: objects.get(there["id"])["digest"], "the digest of the object that is there")
    assert [record.getMessage() for record in caplog.records] == [
        "digests are left for the next start",
        f"{missing['id']} has no digest",
    ]


def test_what_is_put_off_does_not_hold_up_the_end(services, objects, stored, made, monkeypatch):
    monkeypatch.setattr(late_digests, "_PACE", 1)
    digests, large = LateDigests(services.layout, objects), stored(1, LARGE)
    small = stored(2, SMALL)
    digests.put_off(lambda: [large, small])
    until(lambda: objects.get(small["id"])["digest"], "the digest of the small object")
    digests.close()
    assert made == [small["id"]]
    assert [row["id"] for row in objects.without_digest(UPLOAD, 0)] == [large["id"]]
