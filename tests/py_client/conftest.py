"""What the tests share: the contract's schemas, a folder as sink and source, and a way to run a real worker."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from landbridge.kinds import Json
from landbridge.objects import FolderSink, FolderSource
from landbridge.values import decode, encode
from referencing import Registry, Resource

from tests.py_client.gateway import FakeGateway

ROOT = Path(__file__).parents[2]
JOB = "job_0123456789abcdef"


def _validators() -> dict[str, Draft202012Validator]:
    documents = [json.loads(path.read_text()) for path in (ROOT / "containers" / "schema").glob("*.json")]
    registry: Registry[Any] = Registry().with_resources(
        [(document["$id"], Resource.from_contents(document)) for document in documents]
    )
    return {
        document["$id"].partition(":")[2]: Draft202012Validator({"$ref": document["$id"]}, registry=registry)
        for document in documents
    }


_VALIDATORS = _validators()


def check_schema(name: str, document: Any) -> None:
    """Fail with the schema's own words when the document breaks the contract."""
    _VALIDATORS[name].validate(document)


@dataclass
class Road:
    """One folder in the place of a gateway: what is encoded into it can be decoded from it."""

    sink: FolderSink
    source: FolderSource

    def node(self, x: Any, path: str = "x") -> Json:
        """The node as it would be after a journey as JSON, checked by the schema."""
        node: Json = json.loads(json.dumps(encode(x, self.sink, path), allow_nan=False))
        check_schema("value", node)
        return node

    def decode(self, node: Json, trust: bool = True) -> Any:
        return decode(node, self.source, trust)

    def there_and_back(self, x: Any) -> Any:
        return self.decode(self.node(x))


@pytest.fixture
def road(tmp_path: Path) -> Road:
    folder = tmp_path / "objects"
    folder.mkdir()
    return Road(FolderSink(folder), FolderSource(folder, folder))


@dataclass
class Ran:
    """What a worker left."""

    folder: Path
    code: int
    stderr: str

    def text(self, name: str) -> str:
        return (self.folder / "out" / name).read_text()

    @property
    def result(self) -> Json:
        document: Json = json.loads(self.text("result.json"))
        check_schema("value", document)
        return document

    @property
    def error(self) -> Json:
        document: Json = json.loads(self.text("error.json"))
        check_schema("error", document)
        return document

    @property
    def events(self) -> list[Json]:
        events: list[Json] = [json.loads(line) for line in self.text("events.jsonl").splitlines()]
        for event in events:
            check_schema("event", event)
        return events

    def heard(self, kind: str) -> list[Json]:
        return [event for event in self.events if event["event"] == kind]

    def decoded(self) -> Any:
        return decode(self.result, FolderSource(self.folder / "in", self.folder / "out" / "objects"), trust=True)


def job_document(function: Json, items: list[Any], seed: int, task: dict[str, Any]) -> Json:
    """job.json of a task of Python."""
    return {
        "protocol": 1,
        "job": JOB,
        "attempt": 1,
        "task": {"language": "python", "function": function, **task},
        "values": {"items": items},
        "seed": seed,
    }


class Workshop:
    """Makes job folders and runs the worker on them as the child process that it is."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("in", "out/objects", "out/files"):
            (folder / name).mkdir(parents=True)

    def node(self, x: Any) -> Json:
        """A node whose files stand in ``in/`` under ids, as the gateway leaves them."""
        node = encode(x, FolderSink(self.folder / "in"), "x")
        return self._adopted(node)

    def _adopted(self, node: Json) -> Json:
        if node["kind"] == "list":
            return node | {"items": [[key, self._adopted(item)] for key, item in node["items"]]}
        reference = str(node.get("object", ""))
        if not reference.startswith("new:"):
            return node
        path = self.folder / "in" / reference.removeprefix("new:")
        identity = f"obj_{path.stem}"
        path.rename(path.with_name(f"{identity}{path.suffix}"))
        return node | {"object": identity}

    def run(self, function: Json, *values: tuple[str | None, Any], seed: int = 7, **task: Any) -> Ran:
        items = [
            [key, value if isinstance(value, dict) and "kind" in value else self.node(value)] for key, value in values
        ]
        document = job_document(function, items, seed, task)
        check_schema("job", document)
        return self.start(document)

    def start(self, document: Any) -> Ran:
        """Run on a document, on text as it is, or on no file at all (None)."""
        if document is not None:
            (self.folder / "job.json").write_text(document if isinstance(document, str) else json.dumps(document))
        else:
            (self.folder / "job.json").unlink(missing_ok=True)
        # The worker's own defaults, not those of this test run.
        environment = {
            key: value for key, value in os.environ.items() if not key.startswith(("PYTEST", "PYTHONW", "LANDB"))
        }
        child = subprocess.run(
            [sys.executable, "-m", "landbridge.worker", str(self.folder)],
            env=environment | {"PYTHONPATH": str(ROOT / "py-client" / "src")},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return Ran(self.folder, child.returncode, child.stderr)


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    return Workshop(tmp_path / "job")


@pytest.fixture
def source() -> Callable[..., Json]:
    def made(text: str, name: str = "f", **more: Any) -> Json:
        return {"type": "source", "name": name, "text": text, "file": "train.py", "line": 1, **more}

    return made


@pytest.fixture
def gateway() -> Iterator[FakeGateway]:
    with FakeGateway() as running:
        yield running
