"""Uploads in parts: each byte is sent once, however often the connection breaks."""

import hashlib
import io
import threading

import pytest
import xxhash
from landbridge_gateway.depot import uploads as uploads_module
from landbridge_gateway.depot.uploads import Uploads
from landbridge_gateway.errors import Conflict, TooManyUploads, UnknownUpload
from landbridge_gateway.web.services import Services

from tests.gateway.conftest import ROOT, Schemas, fetched
from tests.patience import until

DATA = bytes(range(256)) * 40
SHA256 = f"sha256:{hashlib.sha256(DATA).hexdigest()}"
XXH128 = f"xxh128:{xxhash.xxh3_128_hexdigest(DATA)}"


def begin(client, **query):
    return client.post("/api/v1/uploads", query_string={"size": len(DATA), "format": "arrow"} | query)


def begun(client, **query):
    answer = begin(client, **query)
    assert answer.status_code == 201, answer.json
    return answer.json["upload"]["id"]


def put(client, upload, offset, data):
    return client.put(f"/api/v1/uploads/{upload}", query_string={"offset": offset}, data=data)


def end(client, upload, digest=SHA256):
    return client.post(f"/api/v1/uploads/{upload}/end", headers={"Landbridge-Digest": digest} if digest else {})


@pytest.mark.parametrize(("algorithm", "digest"), [("sha256", SHA256), ("xxh128", XXH128)])
def test_parts_become_one_object(client, services, algorithm, digest):
    upload = begun(client, digest=algorithm, name="x.arrow")
    assert put(client, upload, 0, DATA[:1000]).json["upload"] == {"id": upload, "size": len(DATA), "offset": 1000}
    assert client.get(f"/api/v1/uploads/{upload}").json["upload"]["offset"] == 1000
    assert put(client, upload, 1000, DATA[1000:]).status_code == 200
    answer = end(client, upload, digest)
    assert answer.status_code == 201
    told = answer.json["object"]
    assert (told["size"], told["format"], told["name"]) == (len(DATA), "arrow", "x.arrow")
    assert fetched(client, told["id"]) == DATA
    assert until(lambda: services.objects.get(told["id"], "owner")["digest"], "the digest") == SHA256
    assert list(services.layout.intake.glob("*.part")) == []


def test_an_end_that_is_asked_for_twice_gives_the_one_object(client):
    upload = begun(client)
    put(client, upload, 0, DATA)
    assert end(client, upload).json == end(client, upload).json


def test_a_part_that_was_cut_short_stays_and_the_rest_follows(client, services):
    upload = begun(client)

    class Breaking(io.BytesIO):
        def read(self, size=-1):
            data = super().read(min(size, 1000))
            if not data:
                raise ConnectionResetError
            return data

    cut = client.put(
        f"/api/v1/uploads/{upload}?offset=0",
        input_stream=Breaking(DATA[:3000]),
        environ_overrides={"CONTENT_LENGTH": str(len(DATA))},
    )
    assert cut.status_code == 400
    assert client.get(f"/api/v1/uploads/{upload}").json["upload"]["offset"] == 3000
    assert put(client, upload, 3000, DATA[3000:]).status_code == 200
    assert fetched(client, end(client, upload).json["object"]["id"]) == DATA


@pytest.mark.parametrize("offset", [0, 999, 1001])
def test_a_part_that_does_not_follow_is_refused_and_told_where_it_goes_on(client, offset):
    upload = begun(client)
    put(client, upload, 0, DATA[:1000])
    answer = put(client, upload, offset, DATA[1000:1010])
    assert (answer.status_code, answer.json["error"]["code"]) == (409, "conflict")
    assert answer.json["error"]["detail"]["offset"] == 1000


def test_more_than_was_said_is_refused(client):
    upload = begun(client, size=10)
    assert put(client, upload, 0, DATA).json["error"]["detail"] == {"field": "offset"}


@pytest.mark.row("UP4")
def test_bytes_with_another_digest_are_no_object_and_leave_nothing(client, services):
    upload = begun(client)
    put(client, upload, 0, DATA[:-1] + b"x")
    answer = end(client, upload)
    assert answer.json["error"]["code"] == "digest_mismatch"
    assert list(services.layout.intake.glob("*.part")) == []
    assert client.get(f"/api/v1/uploads/{upload}").json["error"]["code"] == "unknown_upload"


def test_an_end_before_the_last_byte(client):
    upload = begun(client)
    put(client, upload, 0, DATA[:10])
    answer = end(client, upload)
    assert (answer.status_code, answer.json["error"]["message"]) == (409, f"10 of {len(DATA)} bytes have arrived.")
    assert end(client, upload, None).status_code == 422


@pytest.mark.parametrize("query", [{"size": 0}, {"size": -1}, {"size": "much"}, {"size": None}, {"digest": "md5"}])
def test_what_no_upload_is(client, query):
    query = {"size": 10} | query
    asked = {name: value for name, value in query.items() if value is not None}
    answer = client.post("/api/v1/uploads", query_string={"format": "arrow", **asked})
    assert answer.status_code in (400, 422)


def test_another_owner_sees_no_upload(services):
    made = services.uploads.begin("owner", "arrow", None, 10, "sha256", services.quota.room("owner"))
    with pytest.raises(UnknownUpload):
        services.uploads.get(made.id, "another")


def test_so_many_may_be_open_and_no_more(services):
    uploads = Uploads(services.layout, most=2)
    for _ in range(2):
        uploads.begin("owner", "arrow", None, 10, "sha256", services.quota.room("owner"))
    with pytest.raises(TooManyUploads) as refused:
        uploads.begin("owner", "arrow", None, 10, "sha256", services.quota.room("owner"))
    assert (refused.value.status, refused.value.detail) == (429, {"most": 2})


def test_an_upload_without_a_byte_for_an_hour_is_given_up(services):
    now = 0.0
    uploads = Uploads(services.layout, most=1, clock=lambda: now)
    made = uploads.begin("owner", "arrow", None, 10, "sha256", services.quota.room("owner"))
    now = uploads_module.IDLE - 1
    uploads.append(made, 0, 5, io.BytesIO(b"12345"))
    now += uploads_module.IDLE - 1
    assert uploads.get(made.id, "owner").offset == 5
    now += 2
    with pytest.raises(UnknownUpload):
        uploads.get(made.id, "owner")
    assert not made.path.exists()
    assert uploads.begin("owner", "arrow", None, 10, "sha256", services.quota.room("owner")).offset == 0


def test_the_next_start_removes_what_is_left(services, settings):
    made = services.uploads.begin("owner", "arrow", None, 10, "sha256", services.quota.room("owner"))
    assert made.path.exists()
    Services.open(settings, Schemas(ROOT / "containers" / "schema")).close()
    assert not made.path.exists()


def test_who_lost_the_connection_takes_over_from_the_request_that_does_not_know_it_yet(services):
    made = services.uploads.begin("owner", "arrow", None, len(DATA), "sha256", services.quota.room("owner"))
    reading, go = threading.Event(), threading.Event()
    found: list[BaseException] = []

    class Hanging(io.BytesIO):
        def read(self, size=-1):
            if self.tell() == 100:
                reading.set()
                go.wait(30)
            return super().read(100)

    def first():
        try:
            services.uploads.append(made, 0, len(DATA), Hanging(DATA))
        except Conflict as refused:
            found.append(refused)

    hanging = threading.Thread(target=first)
    hanging.start()
    assert reading.wait(30)
    services.uploads.append(made, made.offset, len(DATA) - 100, io.BytesIO(DATA[100:]))
    go.set()
    hanging.join(30)
    assert len(found) == 1
    assert made.path.read_bytes() == DATA
    assert made.hashing.digest == SHA256
