"""Secrets: stored sealed, given through a pipe, hidden in what a job leaves. A canary is looked for everywhere."""

import base64
import json
import os
import stat

import pytest
from landbridge_gateway.depot.logs import Log
from landbridge_gateway.depot.masking import Mask
from landbridge_gateway.engines.interface import EngineError
from landbridge_gateway.engines.pipes import Pipes
from landbridge_gateway.keeping.snapshots import make_snapshot, snapshot_folder
from landbridge_gateway.model import Role
from landbridge_gateway.schemas import Schemas
from landbridge_gateway.web.services import Services

from tests.gateway.conftest import NULL, ROOT, Road, source_task, submission, submit
from tests.hostile.canaries import CANARY, HIDDEN, files_with, has_canary

TEXT = {"kind": "scalar", "type": "str", "value": CANARY}
ERROR = {"type": "ValueError", "classes": ["ValueError"], "message": f"no {CANARY}", "frames": []}


@pytest.fixture
def stored(client):
    answer = client.put("/api/v1/secrets/db_password", json={"value": CANARY})
    assert answer.status_code == 201
    return answer.json["secret"]


def with_secret(**more):
    return submission(source_task(secrets=["db_password"], **more))


def write(road, attempt, name, text, mode="a"):
    with (road.folder(attempt).out / name).open(mode) as file:
        file.write(text)


class TestStore:
    def test_a_value_goes_in_and_never_comes_out(self, client, stored):
        assert client.put("/api/v1/secrets/db_password", json={"value": CANARY}).status_code == 200
        for path in ("/api/v1/secrets", "/api/v1/secrets/db_password"):
            assert CANARY not in client.get(path).text
        assert client.get("/api/v1/secrets").json["secrets"][0].keys() == {"name", "owner", "created", "changed"}
        assert client.delete("/api/v1/secrets/db_password").json["secret"]["name"] == "db_password"
        assert client.get("/api/v1/secrets/db_password").status_code == 404

    @pytest.mark.row("SE3")
    @pytest.mark.parametrize("role", Role)
    def test_a_secret_of_somebody_else_does_not_exist(self, client, caller, road, services, role):
        assert client.put("/api/v1/secrets/theirs", json={"value": CANARY}).status_code == 201
        client = caller("somebody", role)
        nobodys = client.get("/api/v1/secrets/nobodys").json["error"]
        answers = [client.get("/api/v1/secrets/theirs")]
        if role is not Role.VIEWER:
            answers.append(client.delete("/api/v1/secrets/theirs"))
            answers.append(client.post("/api/v1/jobs", json=submission(source_task(secrets=["theirs"]))))
        for answer in answers:
            assert (answer.status_code, answer.json["error"]["code"]) == (404, "unknown_secret")
            assert answer.json["error"]["message"] == nobodys["message"].replace("nobodys", "theirs")
        assert client.get("/api/v1/secrets").json["secrets"] == []
        assert services.secrets.values("owner", ["theirs"]) == {"theirs": CANARY}

    @pytest.mark.parametrize("name", ["A", "1a", "a-b", "a" * 65, "a%00", "..", "café", "a.b"])
    def test_names_are_plain(self, client, name):
        answer = client.put(f"/api/v1/secrets/{name}", json={"value": CANARY})
        assert answer.status_code in (404, 422), answer.json
        assert client.get("/api/v1/secrets").json["secrets"] == []

    @pytest.mark.parametrize(
        "body",
        [{}, {"value": 12345678}, {"value": "short"}, {"value": "x" * 16385}, {"value": "é" * 9000},
         {"value": "with\0nul-inside"}, {"value": "\ud800" * 9}, {"value": CANARY, "more": 1}, {"value": None}],
        ids=lambda body: str(body)[:20],
    )  # fmt: skip
    def test_a_value_is_text_of_some_length_and_is_not_said_back(self, client, body):
        answer = client.put("/api/v1/secrets/a", json=body)
        # Half of a surrogate pair is no text at all, and refused before the value is looked at.
        expected = (400, "invalid_request") if "\ud800" in str(body.get("value")) else (422, "invalid_field")
        assert (answer.status_code, answer.json["error"]["code"]) == expected
        for part in ("`short`", "xxx", "nul-inside", "canary"):
            assert part not in answer.text

    @pytest.mark.parametrize("names", ["db_password", ["DB"], ["a", "a"], ["a"] * 11, [""], [1], {"a": 1}])
    def test_a_task_names_secrets_by_their_names(self, client, names):
        answer = client.post("/api/v1/jobs", json=submission(source_task(secrets=names)))
        assert (answer.status_code, answer.json["error"]["code"]) == (422, "invalid_field")

    def test_a_session_is_given_none(self, client, road, stored):
        task = {"language": "python", "function": {"type": "session"}, "secrets": ["db_password"]}
        answer = client.post("/api/v1/jobs", json=submission(task))
        assert answer.json["error"]["detail"]["field"] == "task.secrets"

    @pytest.mark.row("SE6")
    def test_what_is_stored_is_sealed_and_the_key_lies_beside_it(self, client, road, services, stored):
        submit(client, with_secret())
        road.started()
        held = services.home.path
        assert files_with(held) == []  # the database and its log as they are on the disk at this moment
        key = held / "secrets_key"
        assert stat.S_IMODE(key.stat().st_mode) == 0o600
        assert files_with(held, bytes.fromhex(key.read_text())) == []

    @pytest.mark.row("SE6")
    def test_a_backup_has_neither_a_value_nor_the_key(self, client, road, services, stored):
        submit(client, with_secret())
        attempt = road.started()
        leave_it_everywhere(road, attempt)
        for ended in (False, True):
            if ended:
                road.leave(attempt, result=TEXT)
                road.exit(attempt, 0)
            copy = snapshot_folder(services.home, make_snapshot(services.home))
            assert (copy / "landbridge.db").exists()
            assert files_with(copy) == []
            assert not (copy / "secrets_key").exists()
            assert road.folder(attempt).log("stdout").name in str(list(copy.rglob("stdout.log"))) or not ended

    @pytest.mark.row("SE6")
    def test_a_copy_of_the_database_without_the_key_opens_nothing(self, client, road, services, stored):
        (services.home.path / "secrets_key").unlink()
        job = submit(client, with_secret())
        road.step()
        row = road.job(job["id"])
        assert (row["state"], row["cause"]) == ("failed", "input")
        assert row["error"]["message"] == "The secret `db_password` was sealed with another key than this home's."
        assert row["error"]["hint"] == "Set it again: landbridge secret set db_password."

    def test_a_row_in_the_place_of_another_opens_nothing(self, client, services, stored):
        with services.database.write() as db:
            db.execute("UPDATE secrets SET owner = 'thief'")
        with pytest.raises(Exception, match="sealed with another key"):
            services.secrets.values("thief", ["db_password"])


class TestGiving:
    def test_the_worker_is_told_and_the_folder_names_it_alone(self, client, road, commands, stored):
        submit(client, with_secret())
        road.step()
        told = commands.take("start")
        assert told["given"] == {"secrets": {"db_password": CANARY}}
        folder = road.folder(told["attempt"])
        assert stat.S_ISFIFO(folder.secrets.stat().st_mode)
        assert json.loads(folder.spec.read_text())["task"]["secrets"] == ["db_password"]

    def test_a_job_without_secrets_has_no_pipe_and_no_word_of_them(self, client, road, commands):
        submit(client)
        road.step()
        told = commands.take("start")
        assert "given" not in told
        assert not road.folder(told["attempt"]).secrets.exists()

    def test_one_that_was_removed_meanwhile_fails_the_job(self, client, road, commands, stored, in_line):
        job = submit(client, with_secret())
        client.delete("/api/v1/secrets/db_password")
        road.step()
        row = road.job(job["id"])
        assert (row["state"], row["cause"]) == ("failed", "input")
        assert row["error"]["message"] == "You have no secret `db_password` here."
        assert "start" not in commands.verbs()

    def test_a_sweep_fails_where_one_was_removed(self, client, road, stored):
        body = submission(source_task(secrets=["db_password"]), [None, {"kind": "each", "column": 0}])
        body["points"] = {"n": 2, "columns": [{"kind": "vector", "type": "int", "values": [1, 2]}]}
        sweep = client.post("/api/v1/jobs/batch", json=body).json["job"]["id"]
        client.delete("/api/v1/secrets/db_password")
        for _ in range(3):
            road.step()
        assert road.job(sweep)["state"] == "failed"
        points = client.get(f"/api/v1/jobs/{sweep}/points").json["points"]
        assert {point["cause"] for point in points} == {"input"}

    def test_a_job_that_has_begun_keeps_what_it_was_given(self, client, road, commands, stored):
        submit(client, with_secret())
        attempt = road.started()
        client.put("/api/v1/secrets/db_password", json={"value": "another value"})
        road.tell("disconnected")
        road.connect(**{attempt: None})
        assert commands.take("give") == {
            "verb": "give", "attempt": attempt, "given": {"secrets": {"db_password": CANARY}},
        }  # fmt: skip

    @pytest.fixture
    def pipe(self, tmp_path):
        os.mkfifo(tmp_path / "secrets")
        return tmp_path / "secrets"

    @pytest.fixture
    def pipes(self):
        made = Pipes()
        yield made
        made.close()

    @pytest.mark.parametrize("size", [1, 100_000, 1_000_000])
    def test_a_line_waits_in_the_pipe_for_a_reader_that_comes_later(self, pipes, pipe, size):
        pipes.give("one", pipe, "x" * size)
        pipes.give("one", pipe, "y")  # it has it already
        with pipe.open() as reader:
            assert reader.readline() == "x" * size + "\n"
            pipes.forget("one")
            assert reader.readline() == ""

    def test_a_reader_that_came_first_has_it_though_the_writer_goes(self, pipes, pipe):
        reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
        pipes.give("one", pipe, "value")
        pipes.forget("one")
        with os.fdopen(reader) as stream:
            assert stream.read() == "value\n"

    def test_what_nobody_read_is_gone_with_the_attempt(self, pipes, pipe):
        pipes.give("one", pipe, "value")
        pipes.forget("one")
        reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
        assert os.read(reader, 9) == b""
        os.close(reader)

    @pytest.mark.parametrize("instead", ["nothing", "file", "link"])
    def test_no_other_file_is_written_to(self, pipes, pipe, tmp_path, instead):
        pipe.unlink()
        if instead == "file":
            pipe.write_text("")
        elif instead == "link":
            (tmp_path / "other").write_text("")
            pipe.symlink_to(tmp_path / "other")
        with pytest.raises(EngineError, match="could not be handed"):
            pipes.give("one", pipe, CANARY)
        assert files_with(tmp_path) == []


class TestHiding:
    @pytest.mark.row("LG3")
    def test_logs_are_served_without_it_whole_and_split(self, client, road, stored):
        job = submit(client, with_secret())
        attempt = road.started()
        address = f"/api/v1/jobs/{job['id']}/log"
        write(road, attempt, "stdout.log", f"a {CANARY} b\nhalf {CANARY[:9]}")
        first = client.get(address)
        # What may be the beginning of it is not handed out before the rest has come.
        assert first.text == f"a {HIDDEN} b\nhalf "
        write(road, attempt, "stdout.log", f"{CANARY[9:]} done {CANARY[:4]}.")
        rest = client.get(address, query_string={"offset": first.headers["Landbridge-Offset"]})
        assert rest.text == f"{HIDDEN} done {CANARY[:4]}."
        whole = first.data + rest.data
        for offset in range(len(whole)):
            for limit in (1, 7, len(CANARY)):
                part = client.get(address, query_string={"offset": offset, "limit": limit}).data
                assert part == whole[offset : offset + limit]
        assert not has_canary(client.get(f"/jobs/{job['id']}").data)
        assert not has_canary(client.get(f"/jobs/{job['id']}/stdout.txt").data)
        assert client.get(address, query_string={"tail": 1}).data == whole.split(b"\n")[1]
        road.leave(attempt, result=NULL)
        road.exit(attempt, 0)
        # The same bytes from the file itself, which has it no more.
        assert road.folder(attempt).log("stdout").read_bytes() == whole
        assert client.get(address).data == whole

    @pytest.mark.row("LG3")
    def test_another_encoding_of_it_is_not_caught_which_is_documented(self, client, road, stored):
        encoded = base64.b64encode(CANARY.encode()).decode()
        job = submit(client, with_secret())
        write(road, road.started(), "stdout.log", encoded + "\n")
        assert client.get(f"/api/v1/jobs/{job['id']}/log").text == encoded + "\n"
        assert "base64" in (ROOT / "docs" / "protocol.md").read_text()

    def test_a_value_of_lines_is_hidden_line_by_line(self):
        mask = Mask(["-----BEGIN KEY-----\nMIIEvQIBADANBgkqh\nshort\n-----END KEY-----\n"])
        printed = b"1: MIIEvQIBADANBgkqh\n2: -----BEGIN KEY-----\nMIIEvQIBADANBgkqh\nshort\n-----END KEY-----\n"
        hidden = mask.in_bytes(printed)
        assert hidden.count(b"\n") == printed.count(b"\n")
        assert len(hidden) == len(printed)
        assert b"MIIE" not in hidden
        assert b"KEY" not in hidden

    @pytest.mark.parametrize("value", ['quo"ted\\value', "tab\tand é ü", "line one\nline two", "a/b/c/d/e"])
    def test_json_has_forms_of_its_own(self, value):
        mask = Mask([value])
        for ascii_only in (True, False):
            text = json.dumps({"message": f"no {value}!"}, ensure_ascii=ascii_only)
            hidden = mask.in_bytes(text.encode())
            assert json.dumps(value, ensure_ascii=ascii_only)[1:-1].encode() not in hidden
            assert json.loads(hidden)["message"].startswith("no *")
        assert value not in str(mask.in_json({"a": [{value: value, "n": 1}]}))

    @pytest.mark.parametrize("step", [1, 5, 64])
    def test_a_large_file_is_cleared_in_pieces(self, tmp_path, monkeypatch, step):
        monkeypatch.setattr("landbridge_gateway.depot.masking._STEP", step)
        text = f"{CANARY}{CANARY} x {CANARY[:-1]} {CANARY}".encode()
        path = tmp_path / "stdout.log"
        path.write_bytes(text)
        Mask([CANARY])._file(path)
        assert path.read_bytes() == text.replace(CANARY.encode(), HIDDEN.encode())
        assert [entry.name for entry in tmp_path.iterdir()] == ["stdout.log"]

    def test_a_file_without_it_stays_the_file_it_is_and_links_are_not_followed(self, road, client, stored, tmp_path):
        submit(client, with_secret())
        attempt = road.started()
        folder = road.folder(attempt)
        folder.log("stdout").write_text("nothing here\n")
        (tmp_path / "elsewhere").write_text(CANARY)
        (folder.out / "link.log").symlink_to(tmp_path / "elsewhere")
        (folder.out / ".masked-folder").mkdir()
        before = folder.log("stdout").stat().st_ino
        road.leave(attempt, result=NULL)
        road.exit(attempt, 0)
        assert folder.log("stdout").stat().st_ino == before
        assert (tmp_path / "elsewhere").read_text() == CANARY

    def test_a_part_of_a_log_that_is_over_is_not_held_back(self, tmp_path, road, client, stored):
        folder = road.folder("job_0123456789abcdef.1")
        folder.out.mkdir(parents=True)
        folder.log("stdout").write_text(f"one {CANARY[:5]}two")
        assert Log(folder, "stdout", 0, 9, Mask([CANARY])).read(0, 99) == (f"one {CANARY[:5]}".encode(), 9)


ENDS = {
    "succeeded": lambda road, attempt: (road.leave(attempt, result=TEXT), road.exit(attempt, 0)),
    "failed": lambda road, attempt: (road.leave(attempt, error=ERROR), road.exit(attempt, 0)),
    "died": lambda road, attempt: road.exit(attempt, 137),
    "gone": lambda road, attempt: road.exit(attempt, None),
    "unreadable": lambda road, attempt: (
        road.folder(attempt).result.write_text(json.dumps(TEXT | {"kind": CANARY})),
        road.exit(attempt, 0),
    ),
}


def leave_it_everywhere(road, attempt):
    """What user code could do with it, but for files that it saves."""
    for event in (
        {"event": "started", "versions": {}},
        {"event": "warning", "message": f"careful: {CANARY}", "category": CANARY},
        {"event": "message", "text": CANARY},
        {"event": "param", "name": CANARY, "value": f"x{CANARY}"},
        {"event": "tag", "name": "t", "value": CANARY},
        {"event": "progress", "done": 1, "total": None, "message": CANARY},
        {"event": CANARY},
    ):
        write(road, attempt, "events.jsonl", json.dumps(event | {"at": "2026-01-01T00:00:00.000000Z"}) + "\n")
    write(road, attempt, "stdout.log", f"out {CANARY}\n")
    write(road, attempt, "stderr.log", f"err {CANARY}")
    write(road, attempt, ".result.json.12.tmp", CANARY[:5] + CANARY)


def told_of(client, job):
    paths = [f"/api/v1/jobs/{job}{part}" for part in ("", "/record", "/log", "/log?stream=stderr")]
    paths += [
        f"/jobs/{job}",
        f"/jobs/{job}.json",
        f"/jobs/{job}/stdout.txt",
        "/api/v1/jobs",
        "/jobs",
        "/api/v1/secrets",
    ]
    return {path: client.get(path).text for path in paths}


@pytest.mark.row("SE1", "LG3")
@pytest.mark.parametrize("end", ENDS)
def test_it_is_nowhere_afterwards(client, road, services, stored, end):
    job = submit(client, with_secret())["id"]
    attempt = road.started()
    leave_it_everywhere(road, attempt)
    shown = told_of(client, job)
    assert [path for path, text in shown.items() if has_canary(text.encode())] == []  # while it runs
    ENDS[end](road, attempt)
    assert road.job(job)["ended"]
    assert [path for path, text in told_of(client, job).items() if has_canary(text.encode())] == []
    assert files_with(services.home.path) == []
    if end == "succeeded":
        warnings = client.get(f"/api/v1/jobs/{job}").json["job"]["warnings"]
        assert any("held the value of a secret" in warning["message"] for warning in warnings)
    if end == "died":
        assert road.job(job)["error"]["log_tail"]["stdout"] == ["out " + HIDDEN]


STEPS = {
    "accepted": lambda road, attempt: None,
    "begun": lambda road, attempt: None,
    "running": lambda road, attempt: leave_it_everywhere(road, attempt),
    "result written": lambda road, attempt: (
        leave_it_everywhere(road, attempt), road.folder(attempt).result.write_text(json.dumps(TEXT)),
    ),
    "result told": lambda road, attempt: (leave_it_everywhere(road, attempt), road.leave(attempt, result=TEXT)),
    "half cleared": lambda road, attempt: (
        leave_it_everywhere(road, attempt), write(road, attempt, ".masked-12", CANARY),
    ),
}  # fmt: skip


@pytest.mark.row("SE4")
@pytest.mark.parametrize("found", ["running", "ended", "gone"])
@pytest.mark.parametrize("step", STEPS)
def test_it_is_nowhere_after_a_crash_at_any_step(client, road, commands, services, settings, stored, step, found):
    job = submit(client, with_secret())["id"]
    attempt = "none"
    if step != "accepted":
        road.step()
        attempt = commands.take("start")["attempt"]
    if step not in ("accepted", "begun"):
        road.tell("started", attempt=attempt, image="sha256:p")
    STEPS[step](road, attempt)
    # What a kill leaves: the connections of the first gateway are never closed in order.
    again = Services.open(settings, Schemas(ROOT / "containers" / "schema"))
    try:
        later = Road(again, commands)
        again.scheduler._commands, again.scheduler._clock = commands, lambda: 0.0
        commands.sent.clear()
        there = {"running": None, "ended": {"code": 137, "oom": False, "started": None}}
        told = {attempt: there[found]} if found in there and attempt != "none" else {}
        later.connect(**told)
        gives = [command for command in commands.sent if command["verb"] == "give"]
        assert [command["given"] for command in gives] == [{"secrets": {"db_password": CANARY}}] * len(gives)
        assert bool(gives) == (told != {} and found == "running")
        for command in [command for command in commands.sent if command["verb"] == "start"]:
            attempt = command["attempt"]
            later.tell("started", attempt=attempt, image="sha256:p")
            later.exit(attempt, 1)
        if again.jobs.attempt(job, 1)["state"] != "exited":
            later.exit(attempt, 1)
        assert later.job(job)["ended"]
        assert files_with(settings.home) == []
        assert again.database.rows("SELECT * FROM given_secrets") == []
    finally:
        again.close()


def test_a_call_that_was_given_it_and_never_begun_leaves_nothing_of_it(
    client, road, commands, services, stored, monkeypatch
):
    session = submit(client, submission({"language": "python", "function": {"type": "session"}}))["id"]
    road.started()
    job = submit(client, with_secret(session=session))["id"]

    def killed(*_, **__):
        raise SystemExit

    monkeypatch.setattr(services.scheduler._jobs, "begin_attempt", killed)
    with pytest.raises(SystemExit):
        road.step()
    kept = services.database.rows("SELECT attempt FROM given_secrets")
    assert kept == [{"attempt": f"{job}.1"}]  # the gateway dies here; the next one asks what attempts were given
    assert services.secrets.given() == {}
    assert services.database.rows("SELECT * FROM given_secrets") == []


def test_what_open_attempts_were_given_is_kept_over_a_restart(client, road, commands, services, stored):
    job = submit(client, with_secret())["id"]
    attempt = road.started()
    assert attempt == f"{job}.1"
    assert services.secrets.given() == {attempt: {"db_password": CANARY}}
