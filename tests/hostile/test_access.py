"""Who may do what, against those who may not: tokens, roles, origins, hosts, cookies."""

import re
import statistics
import threading
import time

import pytest
from flask import Blueprint
from landbridge_gateway.errors import TooManyAttempts
from landbridge_gateway.model import Role
from landbridge_gateway.web import attempts
from landbridge_gateway.web.access import ADMIN, PUBLIC, READ, WRITE, policy_of
from landbridge_gateway.web.app import create_app
from landbridge_gateway.web.attempts import Attempts

from tests.gateway.conftest import submission, submit

UNKNOWN = {"job": "job_0000000000000000", "object_id": "obj_0000000000000000", "upload_id": "up_0", "stream": "stdout"}
OURS = {"Origin": "http://localhost", "Landbridge-Protocol": "1"}
ELSEWHERE = {"REMOTE_ADDR": "203.0.113.9"}


def routes(services):
    """Every method of every route, with its policy and an address of it."""
    app = create_app(services)
    for rule in app.url_map.iter_rules():
        path = re.sub(r"<(\w+)>", lambda found: UNKNOWN.get(found[1], "x"), rule.rule)
        for method in sorted(rule.methods - {"OPTIONS"}):
            yield policy_of(app.view_functions[rule.endpoint]), method, path


def refused(answer, status, code):
    assert answer.status_code == status, answer.data
    if answer.mimetype == "application/json":
        assert answer.json["error"]["code"] == code
    return answer


def cookie_of(stranger, services, name="owner"):
    assert stranger.get(f"/signin?code={services.tokens.new_link(name)}").status_code == 303
    return stranger.get_cookie("landbridge_session").value


class TestTokens:
    @pytest.mark.row("AU1")
    def test_without_a_token_every_method_of_every_route_is_refused(self, services, stranger):
        closed = [(method, path) for policy, method, path in routes(services) if policy != PUBLIC]
        assert len(closed) > 40
        for method, path in closed:
            assert stranger.open(path, method=method).status_code == 401, (method, path)
        health = stranger.get("/health")
        assert (health.status_code, health.data) == (204, b"")

    @pytest.mark.row("AU2")
    def test_a_nearly_right_token_takes_as_long_as_a_wrong_one(self, services, caller):
        right = services.home.token()
        caller("anna")
        wrong = {"nearly": right[:-1] + ("a" if right[-1] != "a" else "b"), "not at all": "lb_" + "x" * 43}
        assert all(services.tokens.find(token) is None for token in wrong.values())
        assert services.tokens.find(right)["name"] == "owner"

        def ratio():
            took = {name: [] for name in wrong}
            for _ in range(5000):
                for name, token in wrong.items():
                    began = time.perf_counter_ns()
                    services.tokens.find(token)
                    took[name].append(time.perf_counter_ns() - began)
            medians = [statistics.median(times) for times in took.values()]
            return max(medians) / min(medians)

        assert min(ratio() for _ in range(2)) < 1.1

    @pytest.mark.row("AU2")
    def test_wrong_tokens_of_all_shapes_are_one_answer(self, services, stranger):
        right = services.home.token()
        answers = set()
        for token in (right[:-1], right + "x", right.upper(), "lb_" + "x" * 43, "x" * 100_000):
            answer = stranger.get("/api/v1", headers={"Authorization": f"Bearer {token}"})
            answers.add((answer.status_code, answer.json["error"]["message"]))
            assert right not in answer.text
        assert answers == {(401, "The token is not one of this gateway's.")}

    @pytest.mark.row("AU2")
    def test_of_tokens_only_hashes_are_stored(self, services, caller):
        secret = caller("anna").environ_base["HTTP_AUTHORIZATION"].removeprefix("Bearer ")
        stored = "".join(map(str, services.database.rows("SELECT * FROM tokens")))
        assert secret not in stored
        assert services.home.token() not in stored

    @pytest.mark.row("AU3")
    def test_a_token_in_an_address_is_refused_everywhere(self, services, client, caplog):
        secret = services.home.token()
        for _, method, path in routes(services):
            for query in ({"token": "x"}, {"access_token": secret}, {"text": secret}):
                answer = client.open(path, method=method, query_string=query)
                assert answer.status_code == 400, (method, path)
                assert secret not in answer.text
        assert secret not in caplog.text

    @pytest.mark.row("AU4")
    def test_an_app_with_a_route_without_a_policy_does_not_start(self, services, monkeypatch):
        from landbridge_gateway.web import api

        forgotten = Blueprint("forgotten", __name__)
        forgotten.add_url_rule("/forgotten", view_func=lambda: "secret")
        register = api.register

        def with_another(app):
            register(app)
            app.register_blueprint(forgotten)

        monkeypatch.setattr(api, "register", with_another)
        with pytest.raises(RuntimeError, match="/forgotten has no policy"):
            create_app(services)

    @pytest.mark.row("AU23")
    def test_beyond_twenty_wrong_tokens_a_place_is_not_listened_to(self, services, stranger):
        wrong, right = ({"Authorization": f"Bearer {token}"} for token in ("lb_wrong", services.home.token()))
        answers = [stranger.get("/api/v1", headers=wrong, environ_base=ELSEWHERE) for _ in range(25)]
        assert [answer.status_code for answer in answers] == [401] * 20 + [429] * 5
        assert answers[-1].json["error"]["code"] == "too_many_attempts"
        assert 1 <= int(answers[-1].headers["Retry-After"]) <= 60
        # Neither the right one nor a sign-in is looked at from there; from elsewhere all is as it was.
        refused(stranger.get("/api/v1", headers=right, environ_base=ELSEWHERE), 429, "too_many_attempts")
        code = services.tokens.new_link("owner")
        assert stranger.get(f"/signin?code={code}", environ_base=ELSEWHERE).status_code == 429
        assert stranger.get("/api/v1", headers=right, environ_base={"REMOTE_ADDR": "203.0.113.10"}).status_code == 200

    @pytest.mark.row("AU23")
    def test_on_this_machine_the_right_token_is_always_let_in(self, services, stranger, client):
        wrong = {"Authorization": "Bearer lb_wrong"}
        assert [stranger.get("/api/v1", headers=wrong).status_code for _ in range(22)][-2:] == [429, 429]
        assert client.get("/api/v1").status_code == 200

    @pytest.mark.row("AU23")
    def test_a_place_is_forgiven_in_time_and_memory_is_bounded(self, monkeypatch):
        now = [0.0]
        counted = Attempts(lambda: now[0])
        for number in range(attempts.MOST):
            counted.wrong(f"2001:db8::{number:x}")
        with pytest.raises(TooManyAttempts):
            counted.check("2001:db8::ffff")
        counted.check("2001:db8:1::1")
        now[0] = attempts.SECONDS
        counted.check("2001:db8::ffff")
        monkeypatch.setattr(attempts, "_PLACES", 10)
        for number in range(100):
            counted.wrong(f"198.51.100.{number}")
        assert len(counted._wrong) == 10


class TestRoles:
    @pytest.mark.row("AU17")
    def test_what_each_role_may_call(self, services, client, caller, road):
        viewer, member = caller("vera", Role.VIEWER), caller("mia")
        counted = {READ: 0, WRITE: 0, ADMIN: 0}
        for policy, method, path in routes(services):
            if policy == PUBLIC or path == "/signout":
                continue
            counted[policy] += 1
            answers = {
                who: found.open(path, method=method, headers=OURS).status_code
                for who, found in (("viewer", viewer), ("member", member))
            }
            assert (answers["viewer"] == 403) == (policy != READ), (method, path)
            assert (answers["member"] == 403) == (policy == ADMIN), (method, path)
        assert min(counted.values()) >= 3

    @pytest.mark.row("AU17")
    def test_a_viewer_sees_everybody_and_submits_nothing(self, client, caller, road):
        job = submit(caller("mia"))["id"]
        viewer = caller("vera", Role.VIEWER)
        assert viewer.get(f"/api/v1/jobs/{job}").json["job"]["owner"] == "mia"
        assert [found["id"] for found in viewer.get("/api/v1/jobs").json["jobs"]] == [job]
        assert viewer.get("/api/v1/events?after=0").json["events"][0]["job"] == job
        answer = refused(viewer.post("/api/v1/jobs", json=submission()), 403, "forbidden")
        assert answer.json["error"]["message"] == (
            "The token `vera` is of the role viewer, which reads and changes nothing."
        )
        refused(viewer.post(f"/api/v1/jobs/{job}/cancel"), 403, "forbidden")
        refused(viewer.post("/api/v1/objects?format=file", data=b"x"), 403, "forbidden")
        refused(viewer.get("/api/v1/tokens"), 403, "forbidden")
        assert len(client.get("/api/v1/jobs").json["jobs"]) == 1

    @pytest.mark.row("AU16")
    def test_another_members_job_does_not_exist(self, services, caller, road):
        anna, ben = caller("anna"), caller("ben")
        made = anna.post("/api/v1/objects?format=file", data=b"bytes").json["object"]["id"]
        job = submit(anna, submission(None, [None, {"kind": "file", "object": made, "name": "f"}]))["id"]
        paths = [(policy, method, path) for policy, method, path in routes(services) if UNKNOWN["job"] in path]
        assert len(paths) > 12
        for policy, method, path in paths:
            told = [
                (answer.status_code, answer.text.replace(name, ""))
                for name in (job, UNKNOWN["job"])
                for answer in [ben.open(path.replace(UNKNOWN["job"], name), method=method, headers=OURS)]
            ]
            assert told[0] == told[1], path
            assert told[0][0] == 404, (policy, method, path)
        for path in (f"/api/v1/objects/{made}", f"/api/v1/objects/{made}/digest"):
            refused(ben.get(path), 404, "unknown_object")
        assert ben.get("/api/v1/jobs").json["jobs"] == []
        assert ben.get(f"/api/v1/jobs?text={job}").json["jobs"] == []
        assert ben.get(f"/api/v1/events?after=0&job={job}").json["events"] == []
        assert ben.get("/api/v1/events?after=0").json["events"] == []
        assert job not in ben.get("/jobs").text
        assert anna.get(f"/api/v1/jobs/{job}").json["job"]["state"] == "queued"

    @pytest.mark.row("AU16")
    def test_another_members_job_takes_as_long_as_none(self, services, caller, road):
        job, ben = submit(caller("anna"))["id"], caller("ben")

        def ratio():
            took = {job: [], UNKNOWN["job"]: []}
            for _ in range(300):
                for name, times in took.items():
                    began = time.perf_counter_ns()
                    ben.get(f"/api/v1/jobs/{name}")
                    times.append(time.perf_counter_ns() - began)
            medians = [statistics.median(times) for times in took.values()]
            return max(medians) / min(medians)

        assert min(ratio() for _ in range(3)) < 1.1

    @pytest.mark.row("JS14")
    def test_a_job_over_another_members_data_is_refused(self, services, caller, road):
        anna, ben = caller("anna"), caller("ben")
        made = anna.post("/api/v1/objects?format=file", data=b"bytes").json["object"]["id"]
        job = submit(anna)["id"]
        for node, code in (
            ({"kind": "file", "object": made, "name": "f"}, "unknown_object"),
            ({"kind": "job", "job": job}, "unknown_job"),
            ({"kind": "list", "shape": "list", "items": [[None, {"kind": "job", "job": job}]]}, "unknown_job"),
        ):
            refused(ben.post("/api/v1/jobs", json=submission(None, ["x", node])), 404, code)
            batch = submission(None, ["x", {"kind": "each", "column": 0}])
            batch["points"] = {"n": 1, "columns": [{"kind": "list", "items": [[None, node]]}]}
            refused(ben.post("/api/v1/jobs/batch", json=batch), 404, code)
        refused(ben.post(f"/api/v1/jobs/{job}/rerun"), 404, "unknown_job")
        in_a_session = submission() | {"task": submission()["task"] | {"session": job}}
        refused(ben.post("/api/v1/jobs", json=in_a_session), 404, "unknown_job")
        assert ben.get("/api/v1/jobs").json["jobs"] == []

    def test_an_admin_works_on_everybodys_jobs(self, services, client, caller, road):
        mia = caller("mia")
        job = submit(mia)["id"]
        used = submit(client, submission(None, ["x", {"kind": "job", "job": job}]))["id"]
        attempt = road.started()
        folder = road.folder(attempt)
        (folder.objects / "a.bin").write_bytes(b"bytes")
        road.leave(attempt, result={"kind": "file", "object": "new:a.bin", "name": "a"})
        road.exit(attempt, 0)
        # The admin's job is given the member's object, and may hand it on.
        attempt = road.started()
        given = next(road.folder(attempt).inputs.glob("obj_*")).stem
        road.leave(attempt, result={"kind": "file", "object": given, "name": "a"})
        road.exit(attempt, 0)
        assert client.get(f"/api/v1/jobs/{used}").json["job"]["result"]["object"] == given
        again = client.post(f"/api/v1/jobs/{job}/rerun").json["job"]
        assert again["owner"] == "mia"
        assert client.post(f"/api/v1/jobs/{again['id']}/cancel").json["job"]["state"] == "cancelled"
        refused(mia.get(f"/api/v1/jobs/{used}"), 404, "unknown_job")

    def test_tokens_are_made_listed_and_taken_back(self, services, client, stranger):
        made = client.post("/api/v1/tokens", json={"name": "anna", "role": "member", "seconds": 3600}).json
        assert made["token"]["role"] == "member"
        headers = {"Authorization": f"Bearer {made['secret']}"}
        assert stranger.get("/api/v1", headers=headers).status_code == 200
        told = client.get("/api/v1/tokens")
        assert [(one["name"], one["valid"]) for one in told.json["tokens"]] == [("anna", True), ("owner", True)]
        assert made["secret"] not in told.text
        refused(client.post("/api/v1/tokens", json={"name": "anna", "role": "admin"}), 409, "conflict")
        assert client.delete("/api/v1/tokens/anna").json["token"]["valid"] is False
        refused(stranger.get("/api/v1", headers=headers), 401, "unauthorized")
        refused(client.delete("/api/v1/tokens/nobody"), 404, "unknown_token")

    @pytest.mark.parametrize("name", ["", "owner", "Anna", "a b", "../x", "job_1", "*", "a\n", "x" * 41, "é", "-a"])
    def test_a_name_that_is_none_is_refused(self, client, name):
        answer = client.post("/api/v1/tokens", json={"name": name, "role": "admin"})
        assert answer.status_code in (409, 422)
        assert len(client.get("/api/v1/tokens").json["tokens"]) == 1

    def test_the_owners_token_is_not_taken_back_by_a_call(self, client):
        refused(client.delete("/api/v1/tokens/owner"), 409, "conflict")
        assert client.get("/api/v1").status_code == 200

    def test_who_gets_a_new_token_goes_on_with_the_old_jobs(self, services, caller, road):
        job = submit(caller("anna"))["id"]
        services.tokens.revoke("anna")
        assert caller("anna").get(f"/api/v1/jobs/{job}").status_code == 200

    def test_another_owners_token_signs_browsers_out(self, services, stranger):
        cookie_of(stranger, services)
        services.tokens.ensure_owner(services.home.token())
        assert stranger.get("/api/v1").status_code == 200
        services.tokens.ensure_owner("lb_another")
        refused(stranger.get("/api/v1"), 401, "unauthorized")


class TestEnds:
    @pytest.mark.row("AU18")
    @pytest.mark.parametrize("query", ["events?after=0&job={job}&wait=60", "jobs/{job}/log?wait=60&offset=0"])
    def test_taking_a_token_back_ends_what_waits_by_it(self, services, caller, road, query):
        anna = caller("anna")
        job = submit(anna)["id"]
        path = "/api/v1/" + query.format(job=job).replace("after=0", f"after={services.jobs.cursor()}")
        answers = []
        waiting = threading.Thread(target=lambda: answers.append(anna.get(path)))
        waiting.start()
        while services.hub.waiting == 0:
            assert waiting.is_alive()
        services.tokens.revoke("anna")
        waiting.join(5)
        assert not waiting.is_alive()
        refused(answers[0], 401, "unauthorized")

    @pytest.mark.row("AU18")
    def test_nobody_waits_longer_than_a_token_is_valid(self, services, caller, road):
        anna = caller("anna", seconds=1)
        began = time.monotonic()
        answer = anna.get(f"/api/v1/events?after={services.jobs.cursor()}&wait=60")
        assert answer.json["events"] == []
        assert time.monotonic() - began < 30
        refused(anna.get("/api/v1"), 401, "unauthorized")

    @pytest.mark.row("AU18", "UI13")
    def test_browsers_and_links_of_a_token_end_with_it(self, services, stranger, caller):
        caller("anna")
        link = services.tokens.new_link("anna")
        cookie_of(stranger, services, "anna")
        assert stranger.get("/api/v1").status_code == 200
        services.tokens.revoke("anna")
        refused(stranger.get("/api/v1"), 401, "unauthorized")
        assert stranger.get(f"/signin?code={link}").status_code == 403


class TestBrowsers:
    @pytest.mark.row("AU5")
    @pytest.mark.parametrize("name", ["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"])
    def test_a_header_does_not_change_the_verb(self, services, caller, road, name):
        member, viewer = caller("mia"), caller("vera", Role.VIEWER)
        job = submit(member)["id"]
        assert viewer.get(f"/api/v1/jobs/{job}", headers={name: "DELETE"}).status_code == 200
        refused(viewer.post("/api/v1/jobs", json=submission(), headers={name: "GET"}), 403, "forbidden")

    @pytest.mark.row("AU5")
    def test_every_verb_has_the_policy_of_its_route_or_there_is_none(self, services, stranger, client):
        for policy, _, path in routes(services):
            for verb in ("HEAD", "OPTIONS", "TRACE", "CONNECT", "PROPFIND", "FROBNICATE"):
                answer = stranger.open(path, method=verb)
                allowed = (401, 405) if policy != PUBLIC else (200, 204, 404, 405)
                assert answer.status_code in allowed, (verb, path)
        refused(client.open("/api/v1/jobs", method="TRACE"), 405, "method_not_allowed")

    @pytest.mark.row("AU6", "AU9", "AU10", "AU12")
    @pytest.mark.parametrize("origin", ["http://evil.example", "null", "https://localhost", "http://localhost:1", ""])
    def test_a_page_of_another_site_changes_nothing(self, services, stranger, client, road, origin):
        cookie_of(stranger, services)
        for found in (stranger, client):
            for verb in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS"):
                for path in ("/api/v1/jobs", "/api/v1/tokens/x", f"/jobs/{UNKNOWN['job']}/cancel", "/signout"):
                    headers = {"Origin": origin, "Landbridge-Protocol": "1", "Access-Control-Request-Method": verb}
                    answer = refused(found.open(path, method=verb, headers=headers), 403, "forbidden")
                    assert not [name for name in dict(answer.headers) if name.lower().startswith("access-control")]
        assert client.get("/api/v1/jobs").json["jobs"] == []

    @pytest.mark.row("AU9", "AU10")
    @pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "text/plain", "multipart/form-data", None])
    def test_with_a_cookie_a_change_needs_origin_and_header(self, services, stranger, client, road, kind):
        cookie_of(stranger, services)
        for headers in ({}, {"Landbridge-Protocol": "1"}, {"Origin": "http://localhost"}):
            answer = stranger.post("/api/v1/jobs", data=b'{"protocol": 1}', content_type=kind, headers=headers)
            refused(answer, 403, "forbidden")
        answer = stranger.post("/api/v1/jobs", data=b'{"protocol": 1}', content_type=kind, headers=OURS)
        refused(answer, 415, "unsupported_media_type")
        assert stranger.post("/api/v1/jobs", json=submission(), headers=OURS).status_code == 201

    @pytest.mark.row("AU7", "AU8", "AU11")
    @pytest.mark.parametrize(
        "host",
        [
            *(
                "evil.example",
                "evil.example:8750",
                "",
                "0.0.0.0",
                "0.0.0.0:8750",
                "localhost.",
                "localhost.evil.example",
            ),
            *("[::]", "[::ffff:127.0.0.1]", "[0:0:0:0:0:0:0:1", "2130706433", "127.1", "localhost@evil.example", "a b"),
            *("localhost,evil.example", "localhost:x", "evil.example#localhost"),
        ],
    )
    def test_another_name_is_refused_on_every_request(self, services, client, host):
        for _, method, path in routes(services):
            answer = client.open(path, method=method, headers={"Host": host})
            assert answer.status_code in (400, 403), (method, path)

    @pytest.mark.row("AU7")
    @pytest.mark.parametrize("host", ["localhost", "127.0.0.1:9999", "[::1]:8750", "LOCALHOST:8750"])
    def test_this_machines_own_names_are_taken_with_any_port(self, client, host):
        assert client.get("/api/v1", headers={"Host": host}).status_code == 200

    @pytest.mark.row("AU13")
    def test_no_page_can_be_framed(self, services, client, stranger, road):
        job = submit(client)["id"]
        for found, path in ((client, "/jobs"), (client, f"/jobs/{job}"), (stranger, "/signin"), (stranger, "/jobs")):
            answer = found.get(path)
            assert answer.mimetype == "text/html"
            assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]

    @pytest.mark.row("AU14")
    @pytest.mark.parametrize("secure", [False, True])
    def test_the_cookie_is_closed_to_scripts_and_to_other_sites(self, services, stranger, secure):
        code = services.tokens.new_link("owner")
        base = f"{'https' if secure else 'http'}://localhost"
        for answer in (
            stranger.get(f"/signin?code={code}", base_url=base),
            stranger.post("/signin", data={"token": services.home.token()}, headers={"Origin": base}, base_url=base),
        ):
            cookie = {part.strip().partition("=")[0].lower() for part in answer.headers["Set-Cookie"].split(";")}
            assert {"httponly", "samesite"} <= cookie
            assert ("secure" in cookie) == secure
            assert "SameSite=Lax" in answer.headers["Set-Cookie"]

    @pytest.mark.row("AU15")
    def test_what_a_proxy_would_say_is_not_believed(self, services, client, stranger, road):
        said = {
            "X-Forwarded-Host": "evil.example",
            "X-Forwarded-For": "127.0.0.1",
            "X-Forwarded-Proto": "https",
            "X-Forwarded-Prefix": "/evil",
            "X-Real-IP": "127.0.0.1",
            "Forwarded": "for=127.0.0.1;host=evil.example;proto=https",
        }
        job = submit(client)
        told = client.get(f"/api/v1/jobs/{job['id']}", headers=said).json["job"]
        assert told["url"] == f"http://localhost/jobs/{job['id']}"
        link = client.post("/api/v1/sign-in-links", headers=said).json["url"]
        assert link.startswith("http://localhost/signin")
        wrong = said | {"Authorization": "Bearer lb_wrong"}
        answers = [stranger.get("/api/v1", headers=wrong, environ_base=ELSEWHERE).status_code for _ in range(22)]
        assert answers[-1] == 429
        right = said | {"Authorization": f"Bearer {services.home.token()}"}
        refused(stranger.get("/api/v1", headers=right, environ_base=ELSEWHERE), 429, "too_many_attempts")

    @pytest.mark.row("DE8")
    def test_a_changed_cookie_is_no_cookie(self, services, stranger):
        kept = cookie_of(stranger, services)
        for changed in (kept[:-1] + ("a" if kept[-1] != "a" else "b"), kept.swapcase(), kept + "x", "x" * 4000):
            stranger.set_cookie("landbridge_session", changed)
            refused(stranger.get("/api/v1"), 401, "unauthorized")
        # Nothing is kept in a cookie but a random word: no session of Flask's, which would be data that was signed.
        app = create_app(services)
        assert app.secret_key is None
        assert "owner" not in kept

    @pytest.mark.row("UI13")
    def test_a_link_signs_in_its_own_user_once_and_not_when_it_is_old(self, services, stranger, caller, monkeypatch):
        caller("anna")
        code = services.tokens.new_link("anna")
        assert stranger.get(f"/signin?code={code}").status_code == 303
        assert stranger.get(f"/signin?code={code}&name=owner").status_code == 403
        refused(stranger.get("/api/v1/tokens"), 403, "forbidden")
        monkeypatch.setattr("landbridge_gateway.store.tokens.LINK_SECONDS", -1)
        assert stranger.get(f"/signin?code={services.tokens.new_link('owner')}").status_code == 403
        cookie = stranger.get_cookie("landbridge_session").value
        assert stranger.get(f"/signin?code={cookie}").status_code == 403

    @pytest.mark.row("UI14")
    @pytest.mark.parametrize(
        "target", ["https://evil.example", "//evil.example", "/\\evil.example", "javascript:alert(1)"]
    )
    def test_signing_in_leads_to_our_own_pages_alone(self, services, stranger, target):
        for name in ("next", "url", "redirect", "return_to", "continue"):
            code = services.tokens.new_link("owner")
            answer = stranger.get("/signin", query_string={"code": code, name: target})
            assert (answer.status_code, answer.headers["Location"]) == (303, "/jobs")
        answer = stranger.post(
            "/signin",
            query_string={"next": target},
            data={"token": services.home.token(), "next": target},
            headers={"Origin": "http://localhost", "Referer": target if target.startswith("http") else "http://x"},
        )
        assert (answer.status_code, answer.headers["Location"]) == (303, "/jobs")

    def test_where_files_lie_is_told_on_this_machine_alone(self, services, stranger):
        for headers in ({}, {"Authorization": "Bearer lb_wrong"}):
            assert str(services.home.path) in stranger.get("/api/v1", headers=headers).text
            assert str(services.home.path) not in stranger.get("/api/v1", headers=headers, environ_base=ELSEWHERE).text
