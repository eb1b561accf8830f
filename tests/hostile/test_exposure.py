"""Beyond this machine: what the gateway refuses to start with, and what it says over TLS, to both clients."""

import logging
import os
import socket
import ssl
import subprocess
import urllib.error
import urllib.request
from contextlib import ExitStack
from urllib.parse import urlsplit

import landbridge as lb
import pytest
from landbridge.client import Client
from landbridge_gateway.cli.log_lines import OneLine
from landbridge_gateway.errors import Conflict, InvalidField, UnfitHome
from landbridge_gateway.exposure import address, check_exposure, names_of
from landbridge_gateway.filesystems import check_filesystem
from landbridge_gateway.home import Home
from landbridge_gateway.settings import Settings
from landbridge_gateway.web.app import create_app

from tests.hostile.certificates import make
from tests.serving import COMMAND, Serving

BYTES = os.urandom(3 * 1024**2)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    return make(tmp_path_factory.mktemp("certificate"), "ours", "DNS:localhost", "IP:127.0.0.1")


@pytest.fixture(scope="module")
def serving(tmp_path_factory, certificate):
    """A gateway with TLS; it is on this machine, as all of these tests are."""
    files = {"LANDBRIDGE_CERTIFICATE": str(certificate.file), "LANDBRIDGE_CERTIFICATE_KEY": str(certificate.key)}
    with Serving(tmp_path_factory.mktemp("tls") / "home", "process", **files) as made:
        yield made


@pytest.fixture
def given(certificate):
    def made(**values):
        return Settings.load({}, **{"host": "0.0.0.0", "home": "/tmp/none"} | values)

    return made


def fetch(serving, certificate, path, data=None, **headers):
    context = ssl.create_default_context(cafile=certificate.file)
    request = urllib.request.Request(f"{serving.url}{path}", data, headers)
    return urllib.request.build_opener(urllib.request.HTTPSHandler(context=context)).open(request, timeout=30)


def ended(home, *options, **environ):
    """What `serve` says that must not start."""
    done = subprocess.run(
        [*COMMAND, "serve", "--home", str(home), "--port", "0", *options],
        env=os.environ | environ, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 1, done.stdout
    assert "ready" not in done.stdout
    return done.stderr


class TestStart:
    @pytest.mark.row("AU19")
    @pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "gateway.example", ""])
    def test_beyond_this_machine_it_needs_tls_or_a_plain_word(self, given, certificate, host):
        with pytest.raises(InvalidField, match="Without TLS the gateway does not listen on") as refusal:
            check_exposure(given(host=host))
        assert "--plain-http" in refusal.value.hint
        check_exposure(given(host=host, plain_http=True))
        check_exposure(given(host=host, certificate=certificate.file, certificate_key=certificate.key))

    @pytest.mark.row("AU19")
    def test_serve_says_so_and_ends(self, tmp_path):
        told = ended(tmp_path / "home", "--host", "0.0.0.0")
        assert told.startswith("Without TLS the gateway does not listen on `0.0.0.0`")

    @pytest.mark.row("AU19", "SE7")
    def test_what_isolates_nothing_and_what_debugs_stay_on_this_machine(self, given, monkeypatch):
        with pytest.raises(InvalidField, match="`process` isolates nothing"):
            check_exposure(given(plain_http=True, engine="process"))
        monkeypatch.setenv("FLASK_DEBUG", "1")
        with pytest.raises(InvalidField, match="FLASK_DEBUG is set"):
            check_exposure(given(plain_http=True))
        check_exposure(given(host="127.0.0.1", engine="process"))

    @pytest.mark.row("SE7")
    def test_the_app_never_debugs(self, services, monkeypatch):
        monkeypatch.setenv("FLASK_DEBUG", "1")
        app = create_app(services)
        assert app.debug is False
        assert app.testing is False
        monkeypatch.setattr(services.jobs, "get", lambda *_: 1 / 0)
        headers = {"Authorization": f"Bearer {services.home.token()}"}
        answer = app.test_client().get("/api/v1/jobs/job_0000000000000000", headers=headers)
        assert answer.status_code == 500
        assert "ZeroDivisionError" not in answer.text

    def test_half_a_certificate_and_one_that_is_not_there_are_refused(self, given, certificate):
        with pytest.raises(InvalidField, match="A certificate needs its key"):
            check_exposure(given(certificate=certificate.file))
        with pytest.raises(InvalidField, match="cannot be read"):
            check_exposure(given(certificate="/nowhere", certificate_key=certificate.key))

    def test_the_names_it_answers_to_and_the_one_it_tells(self, given, certificate):
        everywhere = given(plain_http=True, names="Gateway.example, other.example")
        assert {"gateway.example", "other.example", socket.gethostname().lower(), "localhost"} <= names_of(everywhere)
        assert "0.0.0.0" not in names_of(everywhere)
        assert names_of(given(host="192.0.2.1")) == {"192.0.2.1", "127.0.0.1", "localhost", "::1"}
        assert address(everywhere, 1) == "http://Gateway.example:1"
        assert address(given(certificate=certificate.file), 1) == "https://127.0.0.1:1"
        assert address(given(host="::1"), 1) == "http://[::1]:1"

    @pytest.mark.row("SE5")
    @pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o602])
    def test_a_token_that_others_may_read_is_refused(self, tmp_path, mode):
        home = Home(tmp_path / "home")
        home.prepare()
        home.token()
        home.check_private()
        home.token_file.chmod(mode)
        with pytest.raises(Conflict, match="Others than its owner may read") as refusal:
            home.check_private()
        assert f"chmod 600 {home.token_file}" in refusal.value.hint

    @pytest.mark.row("SE5")
    def test_serve_ends_with_a_token_that_others_may_read(self, tmp_path):
        (tmp_path / "home").mkdir()
        (tmp_path / "home" / "token").write_text("lb_x\n")
        (tmp_path / "home" / "token").chmod(0o644)
        assert ended(tmp_path / "home", "--engine", "process").startswith("Others than its owner may read")

    @pytest.mark.row("SE5")
    @pytest.mark.parametrize("kind", ["nfs4", "cifs", "fuse.sshfs"])
    def test_a_home_on_other_machines_disks_is_refused(self, tmp_path, kind):
        mounts = tmp_path / "mounts"
        mounts.write_text(f"/dev/a / ext4 rw 0 0\nserver:/x {tmp_path}/far {kind} rw 0 0\n")
        with pytest.raises(UnfitHome, match=f"that is on {kind}") as refusal:
            check_filesystem(tmp_path / "far" / "home", mounts)
        assert "--home" in refusal.value.hint
        assert check_filesystem(tmp_path / "near", mounts) is None


class TestTls:
    def test_the_address_says_so_and_the_cookie_goes_by_tls_alone(self, serving, certificate):
        assert serving.url.startswith("https://")
        with fetch(serving, certificate, "/health") as answer:
            assert answer.status == 204

        class Stay(urllib.request.HTTPRedirectHandler):
            def redirect_request(self, *_):
                return None

        handler = urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=certificate.file))
        with pytest.raises(urllib.error.HTTPError) as redirect:
            urllib.request.build_opener(handler, Stay).open(serving.sign_in)
        with redirect.value as answer:
            assert answer.status == 303
            assert {"Secure", "HttpOnly", "SameSite=Lax"} <= set(answer.headers["Set-Cookie"].split("; "))

    def test_bytes_go_in_and_out(self, serving, certificate):
        token = {"Authorization": f"Bearer {serving.token}"}
        with fetch(serving, certificate, "/api/v1/objects?format=file", BYTES, **token) as answer:
            told = answer.read().decode()
        reference = told.partition('"id": "')[2][:20] or told.partition('"id":"')[2][:20]
        with fetch(serving, certificate, f"/api/v1/objects/{reference}", **token) as answer:
            assert answer.read() == BYTES

    def test_python_finds_it_by_itself_and_waits_for_a_result(self, serving, monkeypatch):
        monkeypatch.setenv("LANDBRIDGE_HOME", str(serving.home))
        found = lb.config.find()
        client = Client(found.url, found.token, ca=found.ca)
        told = client.get("/jobs")
        assert told["jobs"] == []
        lb.connect()
        assert (
            lb.submit(lb.python("import time\n\ndef f():\n    time.sleep(1)\n    return 7\n", "f")).result(timeout=60)
            == 7
        )
        client.close()

    @pytest.mark.row("AU19")
    def test_python_trusts_what_it_is_told_to_and_nothing_else(self, serving, certificate, tmp_path):
        other = make(tmp_path, "other", "IP:127.0.0.1")
        for ca in (None, str(other.file)):
            with pytest.raises(lb.errors.GatewayUnreachable) as refusal:
                Client(serving.url, serving.token, ca=ca, pause=lambda _: None).describe()
            assert "certificate verify failed" in refusal.value.detail["cause"]
        assert Client(serving.url, serving.token, ca=str(certificate.file)).describe()["protocol"] == 1
        plain = serving.url.replace("https:", "http:")
        with pytest.raises(lb.errors.LandbridgeError):
            Client(plain, serving.token, pause=lambda _: None).describe()
        with pytest.raises(lb.errors.InvalidField, match="There is no file of certificates at `/nowhere`"):
            lb.connect(serving.url, serving.token, ca="/nowhere")

    def test_another_name_than_the_certificates_is_refused(self, serving, certificate):
        elsewhere = serving.url.replace("127.0.0.1", "127.0.0.2")
        with pytest.raises(lb.errors.GatewayUnreachable):
            Client(elsewhere, serving.token, ca=str(certificate.file), pause=lambda _: None).describe()

    def test_r_finds_it_and_trusts_what_it_is_told_to_and_nothing_else(self, serving, certificate, tmp_path):
        script = tmp_path / "script.R"
        script.write_text(R_SCRIPT)
        other = make(tmp_path, "other", "IP:127.0.0.1")
        environ = serving.environ | {
            "URL": serving.url, "TOKEN": serving.token, "OURS": str(certificate.file), "OTHER": str(other.file)
        }  # fmt: skip
        done = subprocess.run(
            ["Rscript", str(script)],
            env=environ, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        assert done.stdout.split() == [
            *("found", "landbridge_gateway_unreachable", "landbridge_gateway_unreachable", "trusted"),
            *("landbridge_invalid_field", "landbridge_forbidden", "landbridge_unauthorized", "landbridge_unauthorized"),
        ]

    def test_the_command_speaks_with_it(self, serving):
        def run(*words):
            command = [*COMMAND, *words, "--home", str(serving.home)]
            return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout

        assert run("token", "--link").startswith(f"{serving.url}/signin?code=")
        assert "owner" in run("token", "list")

    @pytest.mark.row("AU21")
    def test_hands_that_are_never_shaken_keep_nobody_waiting(self, serving, certificate):
        parts = urlsplit(serving.url)
        with ExitStack() as stack:
            for number in range(100):
                opened = stack.enter_context(socket.create_connection((parts.hostname, parts.port), timeout=30))
                if number % 2:
                    opened.sendall(b"\x16\x03\x01\x02\x00\x01")
            with fetch(serving, certificate, "/health") as answer:
                assert answer.status == 204

    def test_what_is_no_tls_is_not_answered(self, serving, certificate):
        parts = urlsplit(serving.url)
        with socket.create_connection((parts.hostname, parts.port), timeout=30) as opened:
            opened.sendall(b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            assert b"204" not in opened.recv(1024)
        with fetch(serving, certificate, "/health") as answer:
            assert answer.status == 204


R_SCRIPT = """
suppressMessages(library(landbridge))
outcome <- function(code) tryCatch({ force(code); "trusted" }, landbridge_error = function(e) class(e)[[1]])
ask <- function(...) { connect(...); jobs() }
cat(if (is.data.frame(jobs())) "found", "\n")
Sys.setenv(LANDBRIDGE_HOME = tempfile())
url <- Sys.getenv("URL"); token <- Sys.getenv("TOKEN"); ours <- Sys.getenv("OURS")
cat(outcome(ask(url, token)), "\n")
cat(outcome(ask(url, token, ca = Sys.getenv("OTHER"))), "\n")
cat(outcome(ask(url, token, ca = ours)), "\n")
cat(outcome(ask(url, token, ca = "/nowhere")), "\n")
made <- landbridge:::ask_gateway(
  landbridge:::current_client(), "POST", "/tokens", body = list(name = "rita", role = "viewer")
)
connect(url, made$secret, ca = ours)
cat(outcome(submit(task(function() 1, seed = 1))), "\n")
connect(url, token, ca = ours)
invisible(landbridge:::ask_gateway(landbridge:::current_client(), "DELETE", "/tokens/rita"))
cat(outcome(ask(url, made$secret, ca = ours)), "\n")
cat(outcome(ask(url, "lb_wrong", ca = ours)), "\n")
"""


@pytest.mark.row("SR4")
def test_proxies_of_the_environment_are_not_asked_on_this_machine(tmp_path):
    nowhere = dict.fromkeys(("http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"), "http://127.0.0.1:9")
    with Serving(tmp_path / "home", "process", **nowhere) as serving:
        python = "import landbridge as lb; print(lb.connect().describe()['protocol'])"
        r = "suppressMessages(library(landbridge)); cat(nrow(jobs()), '\\n')"
        for command, told in (
            ([COMMAND[0], "-c", python], "1"),
            (["Rscript", "-e", r], "0"),
            ([*COMMAND, "token", "list"], "owner"),
        ):
            done = subprocess.run(
                command, env=serving.environ, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
            )
            assert done.returncode == 0, done.stderr
            assert done.stdout.split()[0] == told


@pytest.mark.row("LG2")
def test_nothing_from_outside_begins_a_line_of_the_log():
    forged = "x\r\n2026-01-01 00:00:00 INFO landbridge the token evil was made\x1b[2J\u2028\x85\0"
    formatter = OneLine("%(asctime)s %(levelname)s %(name)s %(message)s")
    record = logging.LogRecord("landbridge", logging.INFO, "", 1, "the job %s", (forged,), None)
    line = formatter.format(record)
    assert len(line.splitlines()) == 1
    assert "x\\r\\n2026-01-01" in line
    assert "\x1b" not in line
    try:
        raise ValueError(forged)
    except ValueError as problem:
        record.exc_info = (ValueError, problem, problem.__traceback__)
    first, *rest = formatter.format(record).splitlines()
    assert first == line
    assert rest
    assert all(one.startswith("  | ") for one in rest)
