"""The API as clients see it: good calls, and every bad one with its sentence."""

import hashlib
import json
import re

import pytest
from landbridge_gateway.web.access import policy_of
from landbridge_gateway.web.app import create_app

from tests.gateway.conftest import NULL, POLYGLOT, ROOT, RUNTIMES, source_task, submission, submit

UNKNOWN_JOB = "job_0000000000000000"
UNKNOWN_OBJECT = "obj_0000000000000000"


def assert_refused(answer, status, code):
    assert answer.status_code == status, answer.data
    error = answer.json["error"]
    assert error["code"] == code
    assert set(error) == {"code", "message", "hint", "detail"}
    return error["message"], error["hint"]


class TestAccess:
    def test_every_route_has_a_policy(self, services):
        app = create_app(services)
        without = [
            rule.rule for rule in app.url_map.iter_rules() if policy_of(app.view_functions[rule.endpoint]) is None
        ]
        assert without == []

    def test_only_these_are_public(self, services):
        app = create_app(services)
        public = {
            rule.rule for rule in app.url_map.iter_rules() if policy_of(app.view_functions[rule.endpoint]) == "public"
        }
        assert public == {"/signin", "/static/<name>", "/health"}

    def test_a_route_without_a_policy_is_closed(self, services, road):
        app = create_app(services)
        app.add_url_rule("/api/open", "open", lambda: "secret")
        assert_refused(app.test_client().get("/api/open"), 403, "forbidden")

    @pytest.mark.parametrize("method", ["GET", "POST"])
    def test_without_a_token_every_route_is_refused(self, services, stranger, method):
        app = create_app(services)
        for rule in app.url_map.iter_rules():
            if policy_of(app.view_functions[rule.endpoint]) == "public" or method not in rule.methods:
                continue
            path = rule.rule.replace("<job>", UNKNOWN_JOB).replace("<object_id>", UNKNOWN_OBJECT)
            answer = stranger.open(path.replace("<stream>", "stdout"), method=method)
            assert answer.status_code == 401, path

    def test_no_token_and_a_wrong_one_say_where_the_right_one_is(self, stranger, services):
        message, hint = assert_refused(stranger.get("/api/v1"), 401, "unauthorized")
        assert message == "A token is needed."
        assert str(services.home.token_file) in hint
        answer = stranger.get("/api/v1", headers={"Authorization": "Bearer lb_wrong"})
        message, _ = assert_refused(answer, 401, "unauthorized")
        assert message == "The token is not one of this gateway's."

    @pytest.mark.parametrize("value", ["", "Basic x", "Bearer", "Bearer  ", "lb_token"])
    def test_a_malformed_authorization_is_no_token(self, stranger, value):
        assert_refused(stranger.get("/api/v1", headers={"Authorization": value}), 401, "unauthorized")

    @pytest.mark.parametrize("host", ["evil.example", "evil.example:8750", "127.0.0.1.evil.example", "[::1"])
    def test_another_host_name_is_refused(self, client, host):
        assert_refused(client.get("/api/v1", headers={"Host": host}), 403, "forbidden")

    def test_a_cookie_may_read_but_writes_only_from_our_own_pages(self, services, stranger, road):
        code = services.tokens.new_link("owner")
        assert stranger.get(f"/signin?code={code}").status_code == 303
        assert stranger.get("/api/v1").status_code == 200
        assert_refused(stranger.post("/api/v1/jobs", json=submission()), 403, "forbidden")
        headers = {"Origin": "http://evil.example"}
        assert_refused(stranger.post("/api/v1/jobs", json=submission(), headers=headers), 403, "forbidden")
        headers = {"Origin": "http://localhost"}
        assert_refused(stranger.post("/api/v1/jobs", json=submission(), headers=headers), 403, "forbidden")
        headers["Landbridge-Protocol"] = "1"
        assert stranger.post("/api/v1/jobs", json=submission(), headers=headers).status_code == 201

    def test_a_link_signs_in_once(self, services, stranger):
        code = services.tokens.new_link("owner")
        assert stranger.get(f"/signin?code={code}").status_code == 303
        assert stranger.get(f"/signin?code={code}").status_code == 403

    def test_the_session_cookie_is_closed_to_scripts_and_to_other_sites(self, services, stranger):
        answer = stranger.get(f"/signin?code={services.tokens.new_link('owner')}")
        cookie = answer.headers["Set-Cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=Lax" in cookie

    def test_signing_out_ends_the_session(self, services, stranger):
        stranger.get(f"/signin?code={services.tokens.new_link('owner')}")
        kept = stranger.get_cookie("landbridge_session").value
        stranger.post("/signout", headers={"Origin": "http://localhost"})
        stranger.set_cookie("landbridge_session", kept)
        assert_refused(stranger.get("/api/v1"), 401, "unauthorized")

    def test_pages_carry_the_headers_that_keep_others_out(self, client):
        page = client.get("/jobs")
        assert "default-src 'none'" in page.headers["Content-Security-Policy"]
        assert "frame-ancestors 'none'" in page.headers["Content-Security-Policy"]
        assert page.headers["X-Content-Type-Options"] == "nosniff"


class TestSubmitting:
    def test_the_same_key_gives_the_same_job(self, client, road):
        body = submission()
        first = client.post("/api/v1/jobs", json=body, headers={"Idempotency-Key": "k"})
        second = client.post("/api/v1/jobs", json=body, headers={"Idempotency-Key": "k"})
        assert (first.status_code, second.status_code) == (201, 200)
        assert first.json["job"]["id"] == second.json["job"]["id"]

    def test_another_body_under_one_key_is_refused(self, client, road):
        client.post("/api/v1/jobs", json=submission(), headers={"Idempotency-Key": "k"})
        other = submission(source_task("def f():\n    return 2\n"))
        answer = client.post("/api/v1/jobs", json=other, headers={"Idempotency-Key": "k"})
        message, _ = assert_refused(answer, 409, "conflict")
        assert message == "This key was already used for another job."

    @pytest.mark.parametrize(
        ("change", "sentence"),
        [
            ({"priority": 1}, "The body has an unknown field `priority`; there are: protocol, client, task, values."),
            ({"vaules": {}}, "The body has an unknown field `vaules`; did you mean `values`."),
            ({"protocol": 2}, "`protocol` must be one of 1, not 2."),
            ({"values": []}, "`values` must be an object, not []."),
            (
                {"task": source_task(limts={})},
                "`task` has an unknown field `limts`; did you mean `limits`.",
            ),
            (
                {"task": source_task(limits={"memory": "4g"})},
                '`task.limits.memory` must be a whole number, not "4g".',
            ),
            (
                {"task": source_task(limits={"seconds": 0})},
                "`task.limits.seconds` must be from 1 to 2592000, not 0.",
            ),
            (
                {"task": source_task(limits={"privileged": True})},
                "`task.limits` has an unknown field `privileged`; there are: "
                "cpus, memory, seconds, pids, disk, network.",
            ),
            (
                {"task": {"language": "julia", "function": {"type": "source"}}},
                '`task.language` must be one of "r", "python", not "julia".',
            ),
            ({"values": {"items": [[None, {"kind": "frame"}]]}}, "`values.items[0][1]` lacks the field `object`."),
        ],
    )
    def test_a_wrong_field_is_named(self, client, road, change, sentence):
        message, _ = assert_refused(client.post("/api/v1/jobs", json=submission() | change), 422, "invalid_field")
        assert message == sentence

    def test_an_unknown_runtime_lists_those_there_are(self, client, road):
        answer = client.post("/api/v1/jobs", json=submission(source_task(runtime="python:2.7")))
        message, hint = assert_refused(answer, 422, "unknown_runtime")
        assert message == "There is no runtime `python:2.7` for python."
        assert hint == "There are: `python:3.14`."

    @pytest.mark.parametrize(("language", "text"), [("python", "def f(): pass\n"), ("r", "f <- function() 1\n")])
    def test_a_runtime_of_two_languages_takes_tasks_of_either(self, client, road, language, text):
        road.connect([*RUNTIMES, POLYGLOT])
        function = {"type": "source", "name": "f", "text": text}
        task = {"language": language, "function": function, "runtime": "polyglot"}
        job = client.post("/api/v1/jobs", json=submission(task)).json["job"]
        assert (job["language"], job["runtime"]) == (language, "polyglot")
        default = client.post("/api/v1/jobs", json=submission({"language": language, "function": function})).json["job"]
        assert default["runtime"] == {"r": "r:4.6", "python": "python:3.14"}[language]

    def test_runtimes_are_listed_with_the_languages_they_take(self, client, road):
        road.connect([*RUNTIMES, POLYGLOT])
        listed = {one["name"]: (one["language"], one["languages"]) for one in client.get("/api/v1").json["runtimes"]}
        assert listed == {
            "r:4.6": ("r", ["r"]),
            "python:3.14": ("python", ["python"]),
            "polyglot": ("polyglot", ["r", "python"]),
        }

    def test_runtimes_are_listed_with_what_they_are_without(self, client, road):
        older = {"name": "r:4.2", "language": "r", "default": False, "state": "absent", "without": ["arrow"]}
        road.connect([*RUNTIMES, older])
        listed = {one["name"]: one["without"] for one in client.get("/api/v1").json["runtimes"]}
        assert listed == {"r:4.6": [], "python:3.14": [], "r:4.2": ["arrow"]}
        function = {"type": "source", "name": "f", "text": "f <- function() 1"}
        task = {"language": "r", "function": function, "runtime": "r:4.3"}
        answer = client.post("/api/v1/jobs", json=submission(task))
        assert assert_refused(answer, 422, "unknown_runtime")[1] == "There are: `r:4.6`, `r:4.2`."

    def test_syntax_newer_than_the_gateways_own_is_left_to_a_runtime_of_two_languages(self, client, road):
        road.connect([*RUNTIMES, POLYGLOT])
        newer = {"type": "source", "name": "f", "text": "def f[T](x: T) -> T:\n    return x\n"}
        task = {"language": "python", "function": newer, "runtime": "polyglot"}
        assert client.post("/api/v1/jobs", json=submission(task)).status_code == 201
        broken = newer | {"text": "def f(:\n  pass\n"}
        answer = client.post("/api/v1/jobs", json=submission(task | {"function": broken}))
        assert_refused(answer, 422, "code_does_not_parse")

    @pytest.mark.parametrize(
        ("language", "text", "sentence", "line"),
        [
            ("python", "def f(:\n  pass\n", "fit.py does not parse: invalid syntax (line 1).", 1),
            ("python", "def f():\n    x = (1,\n", "fit.py does not parse: '(' was never closed (line 2).", 2),
            ("python", "return 1\n", "fit.py does not parse: 'return' outside function (line 1).", 1),
            ("r", "f <- function(x) {\n  x +\n}\n", "fit.py does not parse: unexpected `}` (line 3).", 3),
            ("r", "f <- function(x) {\n  x + 1\n", "fit.py does not parse: `}` is missing (line 2).", 2),
            ("r", "x <- 1\ny <- 5 5\n", "fit.py does not parse: unexpected `5` (line 2).", 2),
            ("r", "if (x) 1\nelse 2\n", "fit.py does not parse: unexpected `else` (line 2).", 2),
            ("r", "f <- function(x {\n x\n}\n", "fit.py does not parse: unexpected `{` (line 1).", 1),
        ],
    )
    def test_code_that_does_not_parse_is_refused_with_its_line(self, client, road, language, text, sentence, line):
        function = {"type": "source", "name": "f", "text": text, "file": "fit.py"}
        answer = client.post("/api/v1/jobs", json=submission({"language": language, "function": function}))
        message, _ = assert_refused(answer, 422, "code_does_not_parse")
        assert message.startswith(sentence)
        if line:
            assert answer.json["error"]["detail"]["line"] == line

    def test_the_line_counts_from_where_the_text_stood(self, client, road):
        function = {"type": "source", "name": "f", "text": "def f(:\n", "file": "fit.py", "line": 40}
        answer = client.post("/api/v1/jobs", json=submission({"language": "python", "function": function}))
        assert answer.json["error"]["detail"]["line"] == 40

    def test_code_of_a_newer_python_is_taken(self, client, road):
        text = "def f(x):\n    try:\n        return x\n    except ValueError, TypeError:\n        return 0\n"
        assert submit(client, submission(source_task(text)))["state"] == "queued"

    def test_valid_r_is_taken(self, client, road):
        text = (
            "f <- function(x, ...) {\n  x |> sapply(\\(y) y^2) # squared\n}\n`odd name` <- 1\n"
            "if (TRUE) 1 else 2\ng <- function(d) { d$x <- 2; d }\n"
        )
        task = {"language": "r", "function": {"type": "source", "name": "f", "text": text}}
        assert submit(client, submission(task))["runtime"] == "r:4.6"

    def test_a_job_or_object_that_does_not_exist_is_named(self, client, road):
        answer = client.post("/api/v1/jobs", json=submission(None, [None, {"kind": "job", "job": UNKNOWN_JOB}]))
        assert assert_refused(answer, 404, "unknown_job")[0] == f"There is no job `{UNKNOWN_JOB}`."
        file = {"kind": "file", "object": UNKNOWN_OBJECT, "name": "x"}
        answer = client.post("/api/v1/jobs", json=submission(None, [None, file]))
        assert assert_refused(answer, 404, "unknown_object")[0] == f"There is no object `{UNKNOWN_OBJECT}`."

    @pytest.mark.parametrize(
        ("data", "mimetype", "status", "code"),
        [
            (b"{", "application/json", 400, "invalid_request"),
            (b"[]", "application/json", 400, "invalid_request"),
            (b'{"protocol": NaN}', "application/json", 400, "invalid_request"),
            (b"[" * 100_000, "application/json", 400, "invalid_request"),
            (b"{}", "text/plain", 415, "unsupported_media_type"),
            (b"\xff\xfe", "application/json", 400, "invalid_request"),
        ],
    )
    def test_a_body_that_is_not_json_is_refused(self, client, road, data, mimetype, status, code):
        assert_refused(client.post("/api/v1/jobs", data=data, content_type=mimetype), status, code)

    def test_values_nested_too_deeply_are_refused(self, client, road):
        node = NULL
        for _ in range(300):
            node = {"kind": "list", "shape": "list", "items": [[None, node]]}
        assert_refused(client.post("/api/v1/jobs", json=submission(None, [None, node])), 422, "invalid_field")

    def test_a_body_beyond_its_bound_is_refused_unread(self, client, road, services):
        answer = client.post(
            "/api/v1/jobs", data=b" " * (services.settings.max_body + 1), content_type="application/json"
        )
        assert_refused(answer, 413, "too_large")

    def test_nothing_is_taken_before_the_engine_said_what_it_offers(self, client):
        answer = client.post("/api/v1/jobs", json=submission())
        assert_refused(answer, 503, "overloaded")
        assert answer.headers["Retry-After"] == "1"


class TestObjects:
    def upload(self, client, data, digest=None, query="?format=arrow&name=a.arrow"):
        headers = {"Landbridge-Digest": digest} if digest else {}
        return client.post(f"/api/v1/objects{query}", data=data, headers=headers)

    def test_bytes_come_back_as_they_went_in(self, client, road):
        digest = "sha256:" + hashlib.sha256(b"bytes").hexdigest()
        answer = self.upload(client, b"bytes", digest)
        assert answer.status_code == 201
        stored = answer.json["object"]
        assert stored == {"id": stored["id"], "size": 5, "digest": digest, "format": "arrow", "name": "a.arrow"}
        with client.get(f"/api/v1/objects/{stored['id']}") as found:
            assert found.data == b"bytes"
            assert found.headers["Landbridge-Digest"] == digest
            assert found.headers["Content-Disposition"].startswith("attachment")
        with client.get(f"/api/v1/objects/{stored['id']}", headers={"Range": "bytes=1-2"}) as part:
            assert (part.status_code, part.data) == (206, b"yt")
        with client.head(f"/api/v1/objects/{stored['id']}") as head:
            assert head.headers["Content-Length"] == "5"

    def test_a_wrong_digest_is_refused_and_nothing_stays(self, client, road, services):
        answer = self.upload(client, b"bytes", "sha256:" + "0" * 64)
        message, _ = assert_refused(answer, 422, "digest_mismatch")
        assert message == "The bytes do not have the digest that was sent with them."
        assert [path.name for path in services.layout.intake.iterdir()] == ["nonce"]
        assert list(services.layout.objects.rglob("*.arrow")) == []

    @pytest.mark.parametrize(
        ("query", "digest", "status"),
        [("?format=exe", None, 400), ("?fromat=arrow", None, 400), ("?format=arrow", "md5:1", 422)],
    )
    def test_a_wrong_call_is_named(self, client, road, query, digest, status):
        assert self.upload(client, b"x", digest, query).status_code == status

    def test_an_unknown_object_is_named(self, client):
        assert_refused(client.get(f"/api/v1/objects/{UNKNOWN_OBJECT}"), 404, "unknown_object")
        assert_refused(client.get("/api/v1/objects/..%2f..%2ftoken"), 404, "not_found")


class TestLooking:
    def test_an_unknown_job_is_named(self, client, road):
        for path in ("", "/record", "/log"):
            assert_refused(client.get(f"/api/v1/jobs/{UNKNOWN_JOB}{path}"), 404, "unknown_job")
        assert_refused(client.post(f"/api/v1/jobs/{UNKNOWN_JOB}/cancel"), 404, "unknown_job")

    def test_the_list_is_filtered_sorted_and_paged(self, client, road):
        for number in range(5):
            submit(client, submission(source_task(name=f"job {number}", experiment="odd" if number % 2 else "even")))
        answer = client.get("/api/v1/jobs?experiment=even&sort=submitted&limit=2").json
        assert [job["name"] for job in answer["jobs"]] == ["job 0", "job 2"]
        following = client.get(f"/api/v1/jobs?experiment=even&sort=submitted&limit=2&page={answer['next']}").json
        assert [job["name"] for job in following["jobs"]] == ["job 4"]
        assert following["next"] is None
        assert [job["name"] for job in client.get("/api/v1/jobs?text=JOB%203").json["jobs"]] == ["job 3"]

    @pytest.mark.parametrize(
        "query",
        ["sort=rm", "state=done", "limit=0", "limit=1000000000", "page=xyz", "page=W10", "colour=red", "limit=x"],
    )
    def test_a_wrong_query_is_refused(self, client, road, query):
        assert_refused(client.get(f"/api/v1/jobs?{query}"), 400, "invalid_request")

    def test_sql_in_a_filter_is_only_text(self, client, road):
        submit(client)
        for name in ("text", "experiment", "tag"):
            answer = client.get("/api/v1/jobs", query_string={name: "x' OR 1=1 --"})
            assert answer.json["jobs"] == []

    def test_events_come_after_the_cursor_of_the_submission(self, client, road):
        answer = client.post("/api/v1/jobs", json=submission()).json
        assert answer["job"]["state"] == "queued"
        assert client.get(f"/api/v1/events?after={answer['cursor']}&wait=0").json["events"] == []
        road.started()
        told = client.get(f"/api/v1/events?after={answer['cursor']}&wait=0").json
        assert [event["state"] for event in told["events"]] == ["running"]
        assert client.get(f"/api/v1/events?after={told['cursor']}").json["events"] == []

    @pytest.mark.row("LG6")
    def test_a_log_is_read_by_offset_and_by_tail(self, client, road):
        job = submit(client)
        attempt = road.started()
        road.folder(attempt).log("stdout").write_text("one\ntwo\nthree\n")
        path = f"/api/v1/jobs/{job['id']}/log"
        answer = client.get(f"{path}?offset=4&limit=4")
        assert (answer.data, answer.headers["Landbridge-Offset"]) == (b"two\n", "8")
        assert client.get(f"{path}?tail=1").data == b"three\n"
        assert "Landbridge-Log-End" not in answer.headers
        road.leave(attempt, result=NULL)
        road.exit(attempt, 0)
        assert client.get(path).headers["Landbridge-Log-End"] == "true"
        assert_refused(client.get(f"{path}?tail=1&offset=0"), 400, "invalid_request")

    def test_an_address_that_is_not_there_and_a_method_that_is_not_allowed(self, client):
        assert_refused(client.get("/api/v1/nothing"), 404, "not_found")
        assert_refused(client.delete("/api/v1/jobs"), 405, "method_not_allowed")

    @pytest.mark.row("UI16")
    def test_what_breaks_tells_no_secrets(self, client, services, monkeypatch, caplog):
        def broken(*_: object) -> None:
            raise RuntimeError("the path is /secret")

        monkeypatch.setattr(services.jobs, "get", broken)
        answer = client.get(f"/api/v1/jobs/{UNKNOWN_JOB}")
        assert_refused(answer, 500, "internal_error")
        assert b"secret" not in answer.data
        assert answer.json["error"]["hint"].split()[-1].rstrip(".") in caplog.text


class TestDescription:
    def test_every_call_is_described_and_every_reference_leads_somewhere(self, client, services):
        told = client.get("/api/v1/openapi.json").json
        rules = [rule for rule in create_app(services).url_map.iter_rules() if rule.rule.startswith("/api/v1")]
        assert len(rules) == sum(len(methods) for methods in told["paths"].values())
        for methods in told["paths"].values():
            for operation in methods.values():
                assert operation["summary"].endswith(".")
        references = re.findall(r'"\$ref": "([^"]+)"', json.dumps(told))
        assert references
        for reference in references:
            place = told
            for step in reference.removeprefix("#/").split("/"):
                place = place[step]

    def test_every_call_stands_in_the_contract(self, services):
        contract = (ROOT / "docs" / "protocol.md").read_text()
        for rule in create_app(services).url_map.iter_rules():
            if rule.rule.startswith("/api/v1"):
                path = rule.rule.replace("<job>", "<id>").replace("<object_id>", "<id>").replace("<upload_id>", "<id>")
                assert f"{path}`" in contract or f"{path}?" in contract, path


class TestPages:
    def test_the_list_and_its_twin(self, client, road):
        job = submit(client, submission(source_task(name="<script>alert(1)</script>")))
        page = client.get("/jobs").text
        assert "&lt;script&gt;alert(1)" in page
        assert "<script>alert" not in page
        assert client.get("/jobs.json").json["jobs"][0]["id"] == job["id"]

    def test_a_job_and_its_twin(self, client, road):
        job = submit(client)
        attempt = road.started()
        road.folder(attempt).log("stdout").write_text("\x1b[31mred\x1b[0m \x1b]0;title\x07<b>\n")
        road.leave(attempt, error={"type": "E", "classes": ["E"], "message": "<i>", "frames": []})
        page = client.get(f"/jobs/{job['id']}").text
        assert "red &lt;b&gt;" in page
        assert "&lt;i&gt;" in page
        assert client.get(f"/jobs/{job['id']}.json").json["job"]["state"] == "failed"
        assert client.get(f"/jobs/{job['id']}/stdout.txt").data.startswith(b"\x1b[31mred")

    def test_who_is_not_signed_in_is_shown_how(self, stranger):
        answer = stranger.get("/jobs")
        assert answer.status_code == 401
        assert "landbridge token --link" in answer.text

    def test_an_unknown_job_has_a_page_that_says_so(self, client):
        answer = client.get(f"/jobs/{UNKNOWN_JOB}")
        assert answer.status_code == 404
        assert f"There is no job `{UNKNOWN_JOB}`." in answer.text


class TestEnds:
    """What a client asks for that waits for results: the ends alone, and the jobs with them."""

    def ends(self, client, **query):
        answer = client.get("/api/v1/events", query_string={"after": 0, "ends": "only", **query})
        return answer.json

    def test_only_ends_are_told_and_the_job_comes_along(self, client, road, in_line):
        submit(client)
        job = submit(client)["id"]
        client.post(f"/api/v1/jobs/{job}/cancel")
        told = self.ends(client)
        assert [(event["job"], event["state"]) for event in told["events"]] == [(job, "cancelled")]
        whole = client.get(f"/api/v1/jobs/{job}").json["job"]
        assert told["jobs"] == {job: whole}
        assert self.ends(client, after=told["cursor"]) == {"events": [], "cursor": told["cursor"], "jobs": {}}

    def test_of_many_at_once_only_the_ends(self, client, road, in_line):
        jobs = [submit(client)["id"] for _ in range(6)]
        for job in jobs:
            client.post(f"/api/v1/jobs/{job}/cancel")
        told = self.ends(client)
        assert ([event["job"] for event in told["events"]], told["jobs"]) == (jobs, {})

    def test_it_is_for_all_jobs_and_has_one_value(self, client):
        assert self.ends(client, job="job_0000000000000000") == {"events": [], "cursor": 0, "jobs": {}}
        assert client.get("/api/v1/events?ends=all").status_code in (400, 422)
