"""The gateway in process, with a warden that only notes down what it was told."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from landbridge_gateway.depot.layout import JobFolder, Layout
from landbridge_gateway.home import Home
from landbridge_gateway.schemas import Schemas
from landbridge_gateway.settings import Settings
from landbridge_gateway.web.app import create_app
from landbridge_gateway.web.services import Services

ROOT = Path(__file__).resolve().parents[2]
RUNTIMES = [
    {"name": "r:4.6", "language": "r", "default": True, "state": "ready", "image": "sha256:r"},
    {"name": "python:3.14", "language": "python", "default": True, "state": "ready", "image": "sha256:p"},
]
POLYGLOT = {
    "name": "polyglot", "language": "polyglot", "default": False, "state": "ready", "image": "sha256:b",
    "languages": ["r", "python"],
}  # fmt: skip
NULL = {"kind": "null"}


class NotedCommands:
    """Stands in for the warden: every command is kept, none is carried out."""

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []

    def send(self, verb: str, **fields: object) -> bool:
        self.sent.append({"verb": verb, **fields})
        return True

    def verbs(self) -> list[str]:
        return [command["verb"] for command in self.sent]

    def take(self, verb: str) -> dict[str, Any]:
        """The oldest command of a verb, taken off the list."""
        found = next(command for command in self.sent if command["verb"] == verb)
        self.sent.remove(found)
        return found


class Road:
    """Drives the scheduler by hand: no thread, no clock but ours."""

    def __init__(self, services: Services, commands: NotedCommands) -> None:
        self.services, self.commands = services, commands
        self.now = 0.0

    def tell(self, event: str, **fields: Any) -> None:
        scheduler = self.services.scheduler
        scheduler.handle({"event": event, **fields})
        while any(flight.outcome for flight in scheduler._flights.values()):
            scheduler.handle(scheduler._inbox.get(timeout=10))  # what was left is on the disk
        scheduler.advance()

    def connect(self, runtimes: list[dict[str, Any]] = RUNTIMES, **found: Any) -> None:
        self.tell("hello", engine="docker", runtimes=runtimes)
        self.tell("found", attempts=found)

    def step(self) -> None:
        self.services.scheduler.advance()

    def started(self) -> str:
        """Let the next start command succeed; gives the attempt."""
        self.step()
        attempt = self.commands.take("start")["attempt"]
        self.tell("started", attempt=attempt, image="sha256:p")
        return str(attempt)

    def folder(self, attempt: str) -> JobFolder:
        return self.services.layout.job_folder(attempt)

    def leave(self, attempt: str, result: dict[str, Any] | None = None, error: dict[str, Any] | None = None) -> None:
        """Write what a worker would write, and tell of it."""
        folder = self.folder(attempt)
        for path, document in ((folder.result, result), (folder.error, error)):
            if document is not None:
                path.write_text(json.dumps(document))
        self.tell("finished", attempt=attempt)

    def exit(self, attempt: str, code: int | None, oom: bool = False, **more: Any) -> None:
        self.tell("exited", attempt=attempt, exit={"code": code, "oom": oom, **more})

    def job(self, job: str) -> dict[str, Any]:
        return self.services.jobs.get(job)


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """A depot that no gateway has opened."""
    made = Layout(tmp_path / "depot")
    made.prepare()
    return made


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings.load({}, home=tmp_path / "home", running=2)


@pytest.fixture
def home(settings: Settings) -> Home:
    return Home(settings.home)


@pytest.fixture
def services(settings: Settings) -> Iterator[Services]:
    opened = Services.open(settings, Schemas(ROOT / "containers" / "schema"))
    yield opened
    opened.close()


@pytest.fixture
def commands() -> NotedCommands:
    return NotedCommands()


@pytest.fixture
def road(services: Services, commands: NotedCommands) -> Road:
    made = Road(services, commands)
    services.scheduler._commands = commands
    services.scheduler._clock = lambda: made.now
    made.connect()
    commands.sent.clear()
    return made


@pytest.fixture
def in_line(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every job stands in line, as where something keeps it from running."""
    monkeypatch.setattr(services.scheduler.starting, "accept", lambda *_: None)


@pytest.fixture
def stranger(services: Services) -> FlaskClient:
    """A client without a token."""
    return create_app(services).test_client()


@pytest.fixture
def client(services: Services) -> FlaskClient:
    made = create_app(services).test_client()
    made.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {services.home.token()}"
    return made


def source_task(text: str = "def f():\n    return 1\n", **more: Any) -> dict[str, Any]:
    return {"language": "python", "function": {"type": "source", "name": "f", "text": text}, **more}


def submission(task: dict[str, Any] | None = None, *items: list[Any], **more: Any) -> dict[str, Any]:
    return {"protocol": 1, "task": task or source_task(), "values": {"items": list(items)}, **more}


def submit(client: FlaskClient, body: dict[str, Any] | None = None, **headers: str) -> dict[str, Any]:
    answer = client.post("/api/v1/jobs", json=body or submission(), headers=headers)
    assert answer.status_code in (200, 201), answer.json
    return dict(answer.json["job"])


def fetched(client: FlaskClient, object_id: str) -> bytes:
    with client.get(f"/api/v1/objects/{object_id}") as answer:
        assert answer.status_code == 200, answer.json
        return answer.data
