"""The pages in headless Chromium, over a real server with a record to look at."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from cheroot import wsgi
from landbridge_gateway.schemas import Schemas
from landbridge_gateway.settings import Settings
from landbridge_gateway.web.app import create_app
from landbridge_gateway.web.services import Services
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.gateway.conftest import ROOT, NotedCommands, Road, source_task, submission

LONG = 300_000  # milliseconds that nothing takes, however busy the machine is with other tests
expect.set_options(timeout=LONG)
AT = "2026-11-23T10:00:00.000000Z"
FRAME = {
    "kind": "frame",
    "object": "new:result.arrow",
    "rows": 12345,
    "columns": [
        {"name": "carrier", "type": "string"},
        {"name": "delay", "type": "double", "verdict": "lossy", "reason": "decimals are doubles"},
    ],
    "descriptor": {"class": "data.table", "names": ["carrier", "delay"], "rows": 12345},
    "preview": [["UA", "3.56"], ["<b>AA</b>", None]],
}
ERROR = {
    "type": "TooDeep",
    "classes": ["TooDeep", "ValueError", "Exception"],
    "message": "depth 7 is too deep",
    "frames": [
        {"function": "run", "file": "worker.py", "line": 1, "source": [[1, "hidden()"]], "ours": True},
        {
            "function": "check",
            "file": "fit.py",
            "line": 12,
            "source": [[11, "if depth > 6:"], [12, "    raise TooDeep(depth)"]],
            "ours": False,
        },
    ],
}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    # Closed with the module: Playwright's event loop would be in the way of other tests' own.
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-background-networking"]
        )
        yield launched
        launched.close()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimpleNamespace]:
    """A gateway with three jobs: one that succeeded, one that failed, one that runs."""
    home = tmp_path_factory.mktemp("pages") / "home"
    services = Services.open(Settings.load({}, home=home, running=2), Schemas(ROOT / "containers" / "schema"))
    server = wsgi.Server(("127.0.0.1", 0), create_app(services), numthreads=12)
    server.prepare()
    threading.Thread(target=server.serve, daemon=True).start()
    commands = NotedCommands()
    services.scheduler._commands = commands
    road = Road(services, commands)
    road.connect()
    made = SimpleNamespace(services=services, road=road, url=f"http://127.0.0.1:{server.bind_addr[1]}")
    made.succeeded, made.failed, made.running, made.attempt = _jobs(made)
    yield made
    services.hub.close()
    server.stop()
    services.close()


def add(site: SimpleNamespace, task: dict[str, Any], *items: Any) -> str:
    client = create_app(site.services).test_client()
    headers = {"Authorization": f"Bearer {site.services.home.token()}"}
    answer = client.post("/api/v1/jobs", json=submission(task, *items), headers=headers)
    assert answer.status_code == 201, answer.json
    return str(answer.json["job"]["id"])


def _jobs(site: SimpleNamespace) -> tuple[str, str, str, str]:
    road = site.road
    succeeded = add(site, source_task(name="fit delays", experiment="flights", tags={"stage": "trial"}))
    attempt = road.started()
    folder = road.folder(attempt)
    (folder.objects / "result.arrow").write_bytes(b"ARROW1")
    (folder.files / "notes.txt").write_text("notes")
    events = [
        {"event": "started", "versions": {"python": "3.14.2", "pyarrow": "26.0.1"}},
        *({"event": "metric", "name": "loss", "value": 1 / step, "step": step} for step in range(1, 30)),
        {"event": "param", "name": "depth", "value": 6},
        {"event": "file", "name": "notes.txt", "file": "files/notes.txt", "media_type": "text/plain", "size": 5},
        {"event": "warning", "message": "careful", "category": "UserWarning"},
    ]
    folder.events.write_text("".join(json.dumps({"at": AT} | event) + "\n" for event in events))
    folder.log("stdout").write_text("line of output\n")
    road.leave(attempt, result=FRAME)
    road.exit(attempt, 0)
    failed = add(site, source_task(name="fit too deep"))
    attempt = road.started()
    road.leave(attempt, error=ERROR)
    road.exit(attempt, 0)
    running = add(
        site, {"language": "r", "function": {"type": "source", "name": "slow", "text": "slow <- function() 1"}}
    )
    attempt = road.started()
    road.folder(attempt).log("stdout").write_text("first line\n")
    return succeeded, failed, running, attempt


@pytest.fixture
def signed_in(site: SimpleNamespace, browser: Browser) -> Iterator[Page]:
    """A page of a signed-in browser; anything that breaks on it, or loads from elsewhere, fails the test."""
    context = browser.new_context()
    context.set_default_timeout(LONG)
    page = context.new_page()
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
    page.on("request", lambda request: problems.append(request.url) if not request.url.startswith(site.url) else None)
    page.goto(f"{site.url}/signin?code={site.services.tokens.new_link('owner')}")
    yield page
    context.close()
    assert problems == []


def luminance(colour: str) -> float:
    parts = [int(part) / 255 for part in colour.removeprefix("rgb(").removesuffix(")").split(",")]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(first: str, second: str) -> float:
    high, low = sorted((luminance(first), luminance(second)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def screenshot_folder() -> Path:
    folder = ROOT / ".cache" / "screenshots"
    folder.mkdir(parents=True, exist_ok=True)
    return folder
