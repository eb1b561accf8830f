"""XXH128 of large objects: known from when they came, and made ahead for who will ask."""

import os
import threading

import pytest
import xxhash
from landbridge_gateway.depot import way_digests
from landbridge_gateway.depot.digests import XXH128
from landbridge_gateway.web.api import objects as view

from tests.gateway.test_settling import SHA256, send
from tests.gateway.test_settling import XXH128 as GIVEN
from tests.patience import PATIENCE, until

DATA = bytes(range(256)) * 40


@pytest.fixture
def made(monkeypatch):
    """What digests were made of."""
    found, whole = [], way_digests.digest_of

    def digest_of(path, algorithm):
        found.append((path.stem, algorithm))
        return whole(path, algorithm)

    monkeypatch.setattr(way_digests, "digest_of", digest_of)
    return found


def asked(client, object_id):
    return client.get(f"/api/v1/objects/{object_id}/digest?algorithm=xxh128").json["digest"]


def test_one_that_came_with_it_is_known(client, made):
    assert asked(client, send(client)) == GIVEN
    assert made == []


def test_another_is_made_once(client, made):
    sent = send(client, SHA256)
    assert [asked(client, sent) for _ in range(2)] == [GIVEN, GIVEN]
    assert made == [(sent, XXH128)]


@pytest.mark.parametrize(("query", "begun"), [("?digest=xxh128", True), ("?digest=sha256", False), ("", False)])
def test_it_is_begun_when_a_large_one_was_fetched_by_who_will_ask(client, services, made, monkeypatch, query, begun):
    monkeypatch.setattr(view, "_WORTH_AHEAD", 1000)
    sent = send(client, SHA256)
    with client.get(f"/api/v1/objects/{sent}{query}") as answer:
        assert answer.data == DATA
        assert made == []
    if begun:
        until(lambda: made, "the digest")
    services.way_digests.close()
    assert made == ([(sent, XXH128)] if begun else [])


def test_not_of_a_small_one(client, services, made):
    sent = send(client, SHA256)
    client.get(f"/api/v1/objects/{sent}?digest=xxh128").close()
    services.way_digests.close()
    assert made == []


def test_who_asks_while_it_is_made_waits_for_it(client, services, monkeypatch):
    goes_on, whole = threading.Event(), way_digests.digest_of
    calls = []

    def digest_of(path, algorithm):
        calls.append(path)
        assert goes_on.wait(PATIENCE)
        return whole(path, algorithm)

    monkeypatch.setattr(way_digests, "digest_of", digest_of)
    sent = send(client, SHA256)
    services.way_digests.ahead(sent, "file")
    ask = services.way_digests.of
    monkeypatch.setattr(services.way_digests, "of", lambda *args: goes_on.set() or ask(*args))
    assert asked(client, sent) == GIVEN
    assert len(calls) == 1


def test_one_that_failed_is_tried_again(client, services, monkeypatch):
    sent = send(client, SHA256)
    with monkeypatch.context() as patched:
        patched.setattr(way_digests, "digest_of", lambda *_: (_ for _ in ()).throw(OSError(5, os.strerror(5))))
        assert client.get(f"/api/v1/objects/{sent}/digest?algorithm=xxh128").status_code == 500
    assert asked(client, sent) == GIVEN


def test_only_so_many_are_remembered(services, monkeypatch):
    monkeypatch.setattr(way_digests, "_MOST", 3)
    for number in range(5):
        services.way_digests.note(f"obj_{number}", f"xxh128:{number}")
    assert list(services.way_digests._known) == ["obj_2", "obj_3", "obj_4"]


def test_damage_on_the_disk_is_told_from_what_came(client, services):
    """Its reader compares the bytes that it got with what was sent long before."""
    sent = send(client)
    path = services.layout.object_file(sent, "file")
    path.chmod(0o600)
    path.write_bytes(b"damaged")
    with client.get(f"/api/v1/objects/{sent}?digest=xxh128") as answer:
        assert f"xxh128:{xxhash.xxh3_128_hexdigest(answer.data)}" != asked(client, sent)


def test_an_algorithm_that_there_is_not(client):
    sent = send(client)
    assert client.get(f"/api/v1/objects/{sent}?digest=md5").status_code == 400
    assert client.get(f"/api/v1/objects/{sent}?other=1").status_code == 400
