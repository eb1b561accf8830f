"""Uploads of one owner, however many at once and by whichever way, take no more than they may in all."""

from __future__ import annotations

import hashlib
import http.client
import json
import secrets
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import landbridge as lb
import numpy as np
import pandas as pd
import pytest
from landbridge import errors
from landbridge.client import current
from landbridge_gateway.depot import uploads as uploads_module
from landbridge_gateway.errors import QuotaExceeded
from landbridge_gateway.keeping.removing import Wanted, remove
from landbridge_gateway.settings import Settings
from landbridge_gateway.web.services import Services

from tests.faults.test_transfers import r
from tests.gateway.conftest import ROOT, Schemas
from tests.serving import Serving

pytestmark = pytest.mark.row("UP10")

MOST, SIZE = 1_000_000, 100_000
HINT = "Remove old ones with `landbridge gc`, or ask the administrator to raise LANDBRIDGE_QUOTA."


@pytest.fixture
def serving(tmp_path):
    with Serving(tmp_path / "home", "process", LANDBRIDGE_QUOTA=str(MOST)) as made:
        yield made


def call(serving, method, path, body=None, token=None, **headers):
    """The status and what was answered. A body of several parts goes in chunks, and does not say how long it is."""
    opened = http.client.HTTPConnection(urlsplit(serving.url).netloc, timeout=60)
    headers = {name.replace("_", "-"): text for name, text in headers.items()}
    headers |= {"Authorization": f"Bearer {token or serving.token}"}
    # What is refused before all of it was sent has its answer all the same.
    with suppress(BrokenPipeError, ConnectionResetError):
        opened.request(method, f"/api/v1{path}", body, headers, encode_chunked=isinstance(body, list))
    answer = opened.getresponse()
    told = json.loads(answer.read())
    opened.close()
    return answer.status, told


def whole(serving, number):
    return call(serving, "POST", "/objects?format=file", bytes(SIZE))


def chunked(serving, number):
    headers = {"Transfer_Encoding": "chunked"}
    return call(serving, "POST", "/objects?format=file", [bytes(SIZE // 10)] * 10, **headers)


def in_parts(serving, number):
    status, told = call(serving, "POST", f"/uploads?format=file&size={SIZE}")
    if status != 201:
        return status, told
    place = f"/uploads/{told['upload']['id']}"
    for offset in (0, SIZE // 2):
        assert call(serving, "PUT", f"{place}?offset={offset}", bytes(SIZE // 2))[0] == 200
    digest = f"sha256:{hashlib.sha256(bytes(SIZE)).hexdigest()}"
    return call(serving, "POST", f"{place}/end", Landbridge_Digest=digest)


def handed_over(serving, number):
    intake = serving.home / "depot" / "intake"
    name = f"c_{secrets.token_hex(8)}"
    (intake / name).write_bytes(bytes(SIZE))
    nonce = (intake / "nonce").read_text()
    return call(serving, "POST", f"/objects?format=file&intake={name}", Landbridge_Nonce=nonce)


WAYS = [whole, chunked, in_parts, handed_over]


def stored(serving):
    return sum(path.stat().st_size for path in (serving.home / "depot" / "objects").rglob("*") if path.is_file())


def nothing_half_done(serving):
    return [path.name for path in (serving.home / "depot" / "intake").iterdir()] == ["nonce"]


@pytest.mark.parametrize("ways", [[one] for one in WAYS] + [WAYS], ids=lambda ways: "+".join(w.__name__ for w in ways))
def test_uploads_at_once_take_no_more_than_they_may(serving, ways):
    with ThreadPoolExecutor(16) as clients:
        told = list(clients.map(lambda number: ways[number % len(ways)](serving, number), range(40)))
    refused = [answer for status, answer in told if status != 201]
    made = len(told) - len(refused)
    # What comes in chunks takes room as it comes: of many that do so at once none may find room to its end.
    assert made == MOST // SIZE if chunked not in ways else made <= MOST // SIZE
    assert stored(serving) == made * SIZE
    assert nothing_half_done(serving)
    for answer in refused:
        error = answer["error"]
        assert (error["code"], error["hint"]) == ("quota_exceeded", HINT)
        assert error["detail"]["quota"] == MOST
        assert error["detail"]["used"] <= MOST < error["detail"]["used"] + error["detail"]["more"]
    # What was refused keeps no room: exactly as much as is left can be had.
    left = MOST - made * SIZE
    assert call(serving, "POST", "/objects?format=file", bytes(left + 1))[0] == 507
    if left:
        assert call(serving, "POST", "/objects?format=file", bytes(left))[0] == 201
    assert stored(serving) == MOST


def test_what_is_said_is_refused_before_a_byte_is_sent(serving):
    status, told = call(serving, "POST", "/objects?format=file", b"", Content_Length=str(MOST + 1))
    assert (status, told["error"]["code"]) == (507, "quota_exceeded")
    assert told["error"]["message"] == (
        "Your uploads take 0 of the 1,000,000 bytes that they may; 1,000,001 more have no room."
    )
    status, told = call(serving, "POST", f"/uploads?format=file&size={MOST + 1}")
    assert (status, told["error"]["detail"]) == (507, {"used": 0, "quota": MOST, "more": MOST + 1})


def test_it_is_counted_right_after_a_new_start(tmp_path):
    home, quota = tmp_path / "home", str(MOST)
    with Serving(home, "process", LANDBRIDGE_QUOTA=quota) as serving:
        assert call(serving, "POST", "/objects?format=file", bytes(600_000))[0] == 201
        # Of this nothing stays, and so it takes nothing afterwards.
        assert call(serving, "POST", "/uploads?format=file&size=300000")[0] == 201
        assert call(serving, "POST", "/objects?format=file", bytes(200_000))[0] == 507
    with Serving(home, "process", LANDBRIDGE_QUOTA=quota) as serving:
        status, told = call(serving, "POST", "/objects?format=file", bytes(400_001))
        assert (status, told["error"]["detail"]["used"]) == (507, 600_000)
        assert call(serving, "POST", "/objects?format=file", bytes(400_000))[0] == 201


def half(x):
    return len(x) // 2


@pytest.mark.parametrize("shared", ["1", "0"])
def test_both_clients_say_it_in_the_same_words(serving, tmp_path, monkeypatch, shared):
    monkeypatch.setenv("LANDBRIDGE_SHARED_FILES", shared)
    lb.connect(serving.url, serving.token)
    table = pd.DataFrame({"x": np.arange(300_000, dtype="float64")})
    with pytest.raises(errors.QuotaExceeded) as refused:
        lb.submit(half, table)
    current().close()
    said = refused.value
    assert (said.code, said.hint, said.detail["quota"]) == ("quota_exceeded", HINT, MOST)
    assert said.message.startswith("Your uploads take 0 of the 1,000,000 bytes that they may; 2,40")
    code = 'invisible(landbridge:::client_sink(client)$put("bin", function(to) writeBin(raw(1000001), to)))'
    assert r(serving, serving.url, code, LANDBRIDGE_SHARED_FILES=shared) == (
        "landbridge_quota_exceeded: "
        "Your uploads take 0 of the 1,000,000 bytes that they may; 1,000,001 more have no room."
    )
    assert nothing_half_done(serving)
    assert stored(serving) == 0


# In process -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def settings(tmp_path):
    return Settings.load({}, home=tmp_path / "home", running=2, quota=1000)


def uploaded(caller, size):
    return caller.post("/api/v1/objects?format=file", data=bytes(size)).status_code


def test_each_owner_has_its_own_whatever_the_role(client, caller, services):
    anna = caller("anna")
    assert (uploaded(client, 1000), uploaded(client, 1)) == (201, 507)
    assert (uploaded(anna, 900), uploaded(anna, 101), uploaded(anna, 100)) == (201, 507, 201)
    assert (services.objects.uploaded("anna"), services.objects.uploaded("nobody")) == (1000, 0)


def test_what_was_removed_takes_nothing(client, services):
    assert (uploaded(client, 1000), uploaded(client, 1000)) == (201, 507)
    later = datetime.now(UTC) + timedelta(days=2)
    done = remove(services.database, services.layout, services.sweeps, Wanted(86400.0, None), False, now=later)
    assert (done.objects, services.objects.uploaded("owner")) == (1, 0)
    assert uploaded(client, 1000) == 201


def test_what_jobs_make_is_not_counted(client, services):
    services.objects.add(
        id="obj_0000000000000001", owner="owner", origin="job_1", format="arrow", name=None, size=5000, digest=None
    )
    assert services.objects.uploaded("owner") == 0
    assert uploaded(client, 1000) == 201


def test_an_upload_that_is_given_up_gives_its_room_back(services):
    now = 0.0
    services.uploads._clock = lambda: now
    services.uploads.begin("owner", "file", None, 1000, "sha256", services.quota.room("owner"))
    with pytest.raises(QuotaExceeded):
        services.uploads.begin("owner", "file", None, 1, "sha256", services.quota.room("owner"))
    now = uploads_module.IDLE + 1
    services.uploads.begin("owner", "file", None, 1000, "sha256", services.quota.room("owner"))


def test_one_whose_digest_is_wrong_gives_its_room_back(client):
    told = client.post("/api/v1/uploads?format=file&size=1000").json["upload"]["id"]
    client.put(f"/api/v1/uploads/{told}?offset=0", data=bytes(1000))
    wrong = {"Landbridge-Digest": f"sha256:{'0' * 64}"}
    assert client.post(f"/api/v1/uploads/{told}/end", headers=wrong).status_code == 422
    assert uploaded(client, 1000) == 201


def test_a_home_that_knew_no_quota_is_counted_once(settings):
    """The step of the schema adds up what is there."""
    schemas = Schemas(ROOT / "containers" / "schema")
    made = Services.open(settings, schemas)
    about = {"origin": "upload", "format": "file", "name": None, "size": 350, "digest": None}
    for number in (1, 2):
        made.objects.add(id=f"obj_000000000000000{number}", owner="owner", **about)
    with made.database.write() as db:
        for name in ("upload_came", "upload_went"):
            db.execute(f"DROP TRIGGER {name}")
        db.execute("DROP TABLE uploaded")
        db.execute("DELETE FROM _sqlite_migrations WHERE name = 'bytes_of_uploads'")
    made.close()
    again = Services.open(settings, schemas)
    try:
        assert again.objects.uploaded("owner") == 700
    finally:
        again.close()


def test_without_a_bound_nothing_is_counted(tmp_path):
    made = Services.open(Settings.load({}, home=tmp_path / "home", running=2), Schemas(ROOT / "containers" / "schema"))
    try:
        room = made.quota.room("owner")
        room.take(10**15)
        assert room.settle(lambda: "stored") == "stored"
    finally:
        made.close()
