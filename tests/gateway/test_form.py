"""A part of an upload that comes as a form with one file."""

import io

import pytest
from landbridge_gateway.web.form import FormFile

from tests.gateway.conftest import fetched
from tests.gateway.test_uploads import DATA, begun, end

BOUNDARY = "------------------------d74496d66958873e"
HEAD = (
    'Content-Disposition: form-data; name="file"; filename="file"\r\n'
    + "Content-Type: application/octet-stream\r\n\r\n"
)


def form(data, boundary=BOUNDARY, head=HEAD, tail=None):
    last = f"\r\n--{boundary}--\r\n" if tail is None else tail
    return f"--{boundary}\r\n{head}".encode() + data + last.encode()


def put(client, upload, body, kind=f"multipart/form-data; boundary={BOUNDARY}", offset=0, **more):
    return client.put(
        f"/api/v1/uploads/{upload}", query_string={"offset": offset}, data=body, content_type=kind, **more
    )


def look(client, upload):
    return client.get(f"/api/v1/uploads/{upload}").json["upload"]["offset"]


def test_its_file_is_the_part(client):
    upload = begun(client)
    answer = put(client, upload, form(DATA))
    assert (answer.status_code, answer.json["upload"]["offset"]) == (200, len(DATA))
    told = end(client, upload)
    assert fetched(client, told.json["object"]["id"]) == DATA


def test_what_looks_like_its_end_may_stand_within(client):
    data = form(b"within")
    upload = client.post(f"/api/v1/uploads?size={len(data)}&format=file").json["upload"]["id"]
    assert put(client, upload, form(data)).json["upload"]["offset"] == len(data)


def test_it_goes_on_where_another_part_ended(client):
    upload = begun(client)
    client.put(f"/api/v1/uploads/{upload}?offset=0", data=DATA[:1000])
    assert put(client, upload, form(DATA[1000:]), offset=1000).status_code == 200
    assert end(client, upload).status_code == 201


class Breaking(io.BytesIO):
    def read(self, size=-1):
        data = super().read(size)
        if not data:
            raise ConnectionResetError
        return data


def test_what_arrived_of_one_that_was_cut_short_stays(client):
    whole, upload = form(DATA), begun(client)
    sent = Breaking(whole[: len(whole) - 5000])
    answer = put(client, upload, None, input_stream=sent, environ_overrides={"CONTENT_LENGTH": str(len(whole))})
    assert answer.status_code == 400
    assert client.put(f"/api/v1/uploads/{upload}?offset=0", data=DATA[:1]).status_code == 409
    offset = look(client, upload)
    client.put(f"/api/v1/uploads/{upload}?offset={offset}", data=DATA[offset:])
    assert end(client, upload).status_code == 201


@pytest.mark.row("UP5", "UP14")
@pytest.mark.parametrize(
    ("kind", "body", "why"),
    [
        ("multipart/form-data", form(DATA), "its boundary is none"),
        (f'multipart/form-data; boundary="{BOUNDARY}"', form(DATA), "its boundary is none"),
        (f"multipart/form-data; boundary={'x' * 71}", form(DATA, "x" * 71), "its boundary is none"),
        (f"multipart/form-data; charset=utf-8; boundary={BOUNDARY}", form(DATA), "its boundary is none"),
        (f"multipart/form-data; boundary={BOUNDARY}", DATA, "it does not begin as one"),
        (f"multipart/form-data; boundary={BOUNDARY}", form(DATA, "other"), "it does not begin as one"),
        (f"multipart/form-data; boundary={BOUNDARY}", f"--{BOUNDARY}\r\n".encode() + b"x" * 5000, "it does not begin"),
        (f"multipart/form-data; boundary={BOUNDARY}", f"--{BOUNDARY}\r\n{HEAD}".encode(), "it is too short"),
        (f"multipart/form-data; boundary={BOUNDARY}", b"--", "it does not begin as one"),
        (f"multipart/form-data; boundary={BOUNDARY}", form(b"", tail=""), "it is too short"),
        ("multipart/mixed; boundary=x", form(DATA, "x"), None),
    ],
)
def test_what_is_no_form_with_one_file(client, kind, body, why):
    upload = begun(client)
    answer = put(client, upload, body, kind)
    assert answer.status_code == (400 if why else 415)
    assert (why or "not a part of a form") in answer.json["error"]["message"]
    assert look(client, upload) == 0


@pytest.mark.row("UP5")
@pytest.mark.parametrize(
    ("tail", "status"),
    [(f"\r\n--{BOUNDARY}\r\n{HEAD}another\r\n--{BOUNDARY}--\r\n", 200), ("\r\n--other--\r\n" * 9, 400)],
    ids=["two files", "another end"],
)
def test_what_follows_the_file_becomes_no_object(client, services, tail, status):
    """Where it does not end as a form it is told so, and else by the digest."""
    upload = begun(client)
    answer = put(client, upload, form(DATA[:5000], tail=tail))
    assert answer.status_code == status
    assert status == 200 or "it does not end behind the file" in answer.json["error"]["message"]
    rest = look(client, upload)
    client.put(f"/api/v1/uploads/{upload}?offset={rest}", data=DATA[rest:])
    assert end(client, upload).json["error"]["code"] == "digest_mismatch"
    assert list(services.layout.objects.rglob("obj_*")) == []


def test_a_head_is_read_no_further_than_to_its_end():
    stream = io.BytesIO(form(b"file"))
    made = FormFile(stream, f"multipart/form-data; boundary={BOUNDARY}", len(form(b"file")))
    assert made.size == 4
    assert made.read(4) == b"file"
    made.end()


@pytest.mark.row("UP1")
def test_one_that_is_larger_than_was_said_is_refused_before_it_is_read(client):
    upload = begun(client)
    answer = put(client, upload, form(DATA + b"more"))
    assert answer.status_code == 422
    assert look(client, upload) == 0
