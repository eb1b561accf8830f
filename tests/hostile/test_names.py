"""Names and paths from strangers: ids are ours, names are labels, and neither leads anywhere."""

import pytest
from landbridge_gateway.web.headers import download_name

from tests.gateway.conftest import NULL, fetched, source_task, submission, submit
from tests.hostile.answers import refused

JOB, OBJECT = "job_0000000000000000", "obj_0000000000000000"
OUTSIDE = [
    "../../token", "..\\..\\token", "....//token", "/etc/passwd", "C:\\windows\\win.ini", "\\\\server\\share",
    "~/../token/x", "a/b",
]  # fmt: skip
UNREADABLE = [
    "a\0b",
    "a\nb",
    "a\rb",
    "a\tb",
    "a\x1b[31mb",
    "a\u202eb",
    "a\u200bb",
    "",
    ".",
    "..",
    "...",
    "a ",
    "x" * 300,
]
ENCODED = [
    "..%2f..%2ftoken", "%2e%2e%2f%2e%2e%2ftoken", "%252e%252e%252ftoken", "%25252e%25252e%25252ftoken",
    "%c0%ae%c0%ae%c0%aftoken", "%ef%bc%8e%ef%bc%8e%ef%bc%8ftoken",
]  # fmt: skip
SEPARATORS = [";x=1", "%23x", "%3fx", "%00", "%0a", "%0d%0aX: 1", "%e2%80%ae"]
ADDRESSES = ["/api/v1/jobs/{}", "/api/v1/jobs/{}/log", "/api/v1/objects/{}", "/api/v1/uploads/{}", "/jobs/{}"]


def upload(client, name):
    return client.post("/api/v1/objects", query_string={"format": "file", "name": name}, data=b"bytes")


def as_file(name):
    return submission(None, ["x", {"kind": "file", "object": OBJECT, "name": name}])


@pytest.mark.row("PA1")
def test_a_name_that_leads_outside_is_refused(client, road):
    for name in OUTSIDE:
        refused(upload(client, name), 422, "invalid_field")
        refused(client.post("/api/v1/jobs", json=as_file(name)), 422, "invalid_field", never=name)


@pytest.mark.row("PA1")
def test_a_file_of_the_intake_is_named_by_its_pattern_only(client, services):
    nonce = (services.layout.intake / "nonce").read_text()
    for name in [*OUTSIDE, "c_0000000000000000/../nonce", "nonce"]:
        query = {"format": "file", "intake": name}
        answer = client.post("/api/v1/objects", query_string=query, headers={"Landbridge-Nonce": nonce})
        refused(answer, 422, "invalid_field")
    assert (services.layout.intake / "nonce").exists()


@pytest.mark.row("PA2", "PA3")
@pytest.mark.parametrize("address", ADDRESSES)
def test_what_is_no_id_finds_nothing_and_is_decoded_once(client, services, address):
    for part in [*ENCODED, *(JOB + tail for tail in SEPARATORS)]:
        answer = client.get(address.format(part))
        assert answer.status_code == 404
        assert services.home.token() not in answer.text
        if address.startswith("/api"):
            refused(answer, 404)


@pytest.mark.row("PA4")
def test_a_file_name_that_does_not_read_as_it_is_written_is_refused(client, road):
    for name in UNREADABLE:
        refused(upload(client, name), 422, "invalid_field")
        refused(client.post("/api/v1/jobs", json=as_file(name)), 422, "invalid_field")


@pytest.mark.row("PA4")
def test_a_job_may_be_called_anything_and_is_shown_escaped(client, road):
    name = '<b>\x1b[31m\u202e😀"</b>\n'
    job = submit(client, submission(source_task(name=name)))
    assert client.get(f"/api/v1/jobs/{job['id']}").json["job"]["name"] == name
    page = client.get(f"/jobs/{job['id']}").text
    assert "&lt;b&gt;" in page and "<b>\x1b" not in page
    assert upload(client, "naïve 😀.txt").status_code == 201


@pytest.mark.row("PA5")
def test_names_that_are_equal_but_for_case_or_form_are_two_objects(client):
    names = ["Report.txt", "report.TXT", "caf\u00e9", "cafe\u0301"]
    ids = {name: upload(client, name).json["object"]["id"] for name in names}
    assert len(set(ids.values())) == len(names)
    assert {fetched(client, object_id) for object_id in ids.values()} == {b"bytes"}


SOURCES = [
    "file:///etc/passwd", "s3://bucket/key", "mlflow-artifacts:/x", "jar:file:x!/y", "data:,x", "http://127.0.0.1:1/x",
]  # fmt: skip


@pytest.mark.row("PA6", "SR1")
@pytest.mark.parametrize("source", SOURCES)
def test_nothing_takes_an_address_as_a_source(client, road, source):
    refused(client.post("/api/v1/objects", query_string={"format": "file", "url": source}), 400, "invalid_request")
    refused(client.post("/api/v1/objects", query_string={"format": "file", "intake": source}), (403, 422))
    refused(client.post("/api/v1/jobs", json=submission(None, ["x", {"kind": "file", "object": source}])), 422)
    refused(client.post("/api/v1/jobs", json=submission(source_task(source=source))), 422, "invalid_field")
    refused(client.post("/api/v1/jobs", json=submission(source_task(runtime=source))), 422)


@pytest.mark.row("PA9", "BK1", "BK2", "JS10")
@pytest.mark.parametrize(
    "text",
    ["-rf", "--help", "$(id)", "`id`", "'; id #", "a\n#SBATCH --uid=0", "---\nkind: Pod", "landbridge.gateway=x"],
)
def test_no_text_of_a_submission_reaches_what_starts_containers(client, road, commands, text):
    job = submit(client, submission(source_task(name=text, experiment=text, tags={text: text}), [text, NULL]))
    road.step()
    sent = commands.take("start")
    assert text not in str(sent), sent
    assert sent["attempt"] == f"{job['id']}.1"


@pytest.mark.row("PA11")
def test_what_a_job_made_has_no_address_but_its_id(client, services):
    for name in ("index.html", "favicon.ico", "app.js", "sw.js", "security.txt"):
        object_id = upload(client, name).json["object"]["id"]
        for place in (
            f"/{name}",
            f"/static/{name}",
            f"/.well-known/{name}",
            f"/jobs/{name}",
            f"/api/v1/objects/{name}",
        ):
            assert client.get(place).status_code == 404, place
        with client.get(f"/api/v1/objects/{object_id}") as answer:
            assert answer.headers["Content-Security-Policy"].startswith("sandbox")
            assert answer.headers["Content-Disposition"].startswith("attachment")
            assert answer.mimetype == "application/octet-stream"
            assert "Service-Worker-Allowed" not in answer.headers


@pytest.mark.row("PA12")
@pytest.mark.parametrize("place", ["objects/{}", "jobs/{}", "uploads/{}"])
def test_nothing_is_deleted_by_an_address(client, services, place):
    for part in (JOB, OBJECT, *ENCODED):
        assert client.delete(f"/api/v1/{place.format(part)}").status_code in (404, 405)
    assert services.home.token_file.exists() and services.layout.intake.is_dir()


@pytest.mark.row("PA13")
@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("CON", "CON_"),
        ("nul.txt", "nul_.txt"),
        ("com1", "com1_"),
        ("a:b?.csv", "a_b_.csv"),
        ("end. ", "end"),
        ("icon", "icon"),
    ],
)
def test_a_name_that_windows_reserves_is_handed_out_as_another(name, kept):
    assert download_name(name) == kept


@pytest.mark.row("PA14")
def test_a_job_of_another_gateway_is_not_there(client, road):
    assert refused(client.get(f"/api/v1/jobs/{JOB}"), 404, "unknown_job") == f"There is no job `{JOB}`."
    refused(client.post("/api/v1/jobs", json=submission(None, ["x", {"kind": "job", "job": JOB}])), 404, "unknown_job")


@pytest.mark.row("UI12")
@pytest.mark.parametrize(
    "name",
    [
        'q"uo\\te.txt',
        "a\r\nSet-Cookie: x=1",
        "../../x.txt",
        "\u202egpj.exe",
        "x" * 400,
        "\ud800",
        "😀 naïve.csv",
        "--",
        "...",
    ],
)
def test_a_download_has_a_name_that_any_header_and_any_folder_can_hold(client, services, name):
    # Names of what jobs saved are the jobs' own, and never refused.
    stored = upload(client, "plain").json["object"]["id"]
    kept = name.encode("utf-8", "replace").decode()
    with services.database.write() as db:
        db.execute("UPDATE objects SET name = ? WHERE id = ?", (kept, stored))
    with client.get(f"/api/v1/objects/{stored}") as answer:
        assert answer.status_code == 200
        told = answer.headers["Content-Disposition"]
        assert told.startswith("attachment; filename") and told.isascii() and "\n" not in told
        assert "Set-Cookie" not in answer.headers
        assert not any(part in told for part in ("/", "\\", "%E2%80%AE", "%2F"))


@pytest.mark.row("UI12")
def test_a_name_beyond_ascii_goes_in_both_forms(client):
    stored = upload(client, "naïve 😀.csv").json["object"]["id"]
    with client.get(f"/api/v1/objects/{stored}") as answer:
        told = answer.headers["Content-Disposition"]
    assert told == "attachment; filename=\"naive .csv\"; filename*=UTF-8''na%C3%AFve%20%F0%9F%98%80.csv"
