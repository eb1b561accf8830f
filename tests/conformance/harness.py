"""Runs cases against a worker: job folders are written by the contract, given to a start command, and read back.

A worker for another language joins by an entry in ``workers.toml`` and by its sources in the cases.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from landbridge_gateway.schemas import Schemas
from pyarrow import ipc

from tests.serving import COMMAND

Node = dict[str, Any]
HERE = Path(__file__).parent
SEED = 20130101
WORKERS = tomllib.loads((HERE / "workers.toml").read_text())


@dataclass(frozen=True)
class Outcome:
    """What a worker left in one folder."""

    language: str
    code: int
    folder: Path
    raw_stderr: str

    def _read(self, name: str) -> Node | None:
        path = self.folder / "out" / name
        return json.loads(path.read_text()) if path.exists() else None

    @property
    def result(self) -> Node:
        found = self._read("result.json")
        assert found is not None, f"no result: {self.error_or_none()} {self.log('stderr')}"
        return found

    @property
    def has_result(self) -> bool:
        return (self.folder / "out" / "result.json").exists()

    @property
    def error(self) -> Node:
        found = self.error_or_none()
        assert found is not None, f"no error; result: {self._read('result.json')} {self.log('stderr')}"
        return found

    def error_or_none(self) -> Node | None:
        return self._read("error.json")

    @property
    def events(self) -> list[Node]:
        path = self.folder / "out" / "events.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def told(self, kind: str) -> list[Node]:
        return [event for event in self.events if event["event"] == kind]

    def log(self, stream: str) -> str:
        path = self.folder / "out" / f"{stream}.log"
        return path.read_text() if path.exists() else ""

    def file(self, reference: str) -> Path:
        """The file behind ``new:<name>``, or behind the id of an object that the job was given."""
        if reference.startswith("new:"):
            return self.folder / "out" / "objects" / reference.removeprefix("new:")
        return next(self.folder.glob(f"in/{reference}.*"))

    def table(self, node: Node) -> pa.Table:
        assert node["kind"] == "frame", node
        with ipc.open_file(self.file(node["object"])) as reader:
            return reader.read_all()


@dataclass(frozen=True)
class Case:
    """One job that every worker must run, and what must come of it."""

    name: str
    source: Mapping[str, str]
    check: Callable[[Outcome], None]
    values: Sequence[tuple[str | None, Node]] = ()
    objects: Mapping[str, pa.Table | bytes] = field(default_factory=dict)
    task: Mapping[str, Any] = field(default_factory=dict)
    function: Mapping[str, Any] = field(default_factory=dict)
    spoil: Callable[[Path], None] | None = None
    only: str | None = None
    points: Sequence[Node] | None = None  # of a sweep
    given: Node | None = None  # what the pipe of a job with secrets has for its worker


def write_case(folder: Path, case: Case, language: str, job: str) -> None:
    """The job folder of a case, writable for the container's user."""
    for part in ("in", "out", "out/objects", "out/files"):
        (folder / part).mkdir(parents=True)
    for path in (folder / "out", folder / "out/objects", folder / "out/files"):
        path.chmod(0o777)
    for name, content in case.objects.items():
        write_object(folder / "in" / name, content)
    function = {"type": "source", "name": "f", "text": case.source[language], "file": f"case.{language}", "line": 1}
    function |= case.function
    if function["type"] != "source":
        function = {key: value for key, value in function.items() if key not in ("line",)}
    if function["type"] == "script":
        del function["name"]
    if function["type"] == "reference":
        function = {key: function[key] for key in ("type", "package", "name")}
    spec = {
        "protocol": 1,
        "job": job,
        "attempt": 1,
        "task": {"language": language, "function": function} | dict(case.task) | _secrets(case),
        "values": {"items": [list(item) for item in case.values]},
        "seed": SEED,
    } | ({"points": list(case.points)} if case.points is not None else {})
    (folder / "job.json").write_text(json.dumps(spec))
    if case.given is not None:
        os.mkfifo(folder / "secrets")
        (folder / "secrets").chmod(0o666)  # here it is somebody in the container who fills it
        (folder / "given").write_text(json.dumps(case.given) + "\n")
    if case.spoil:
        case.spoil(folder)


def make_files(out: Path) -> None:
    """What may be there before a worker is."""
    for name in ("events.jsonl", "stdout.log", "stderr.log", ".draft"):
        (out / name).touch()
        (out / name).chmod(0o666)


def _secrets(case: Case) -> Node:
    if case.given is None:
        return {}
    return {"secrets": list(case.given.get("secrets") or ["db_password"])}


def write_object(path: Path, content: pa.Table | bytes) -> None:
    if isinstance(content, bytes):
        path.write_bytes(content)
        return
    with ipc.new_file(path, content.schema) as writer:
        writer.write_table(content)


# Somebody else fills the pipe of a job with secrets, when its worker opens it.
GIVE = '[ -p "$folder/secrets" ] && cat "$folder/given" >"$folder/secrets" &'
# No worker leaves its secrets behind.
LEFT = "; ! ls -d /dev/shm/landbridge-* 2>/dev/null"
COLD = """for folder in /jobs/*; do
  {give}
  {start} "$folder" 2>"$folder/out/raw"; echo $? >"$folder/out/code"
done"""
# The job comes when the worker is ready, which opening the pipe waits for.
WARM = """for folder in /jobs/*; do
  {give}
  mkfifo "$folder/go"; mv "$folder/job.json" "$folder/later"
  {start} --warm "$folder" 2>"$folder/out/raw" & worker=$!
  exec 4>"$folder/go"; mv "$folder/later" "$folder/job.json"; echo go >&4; exec 4>&-
  wait $worker; echo $? >"$folder/out/code"
done"""


def run_all(
    root: Path, cases: Sequence[Case], language: str, image: str, way: str = COLD, seconds: int = 1200
) -> dict[str, Outcome]:
    """Run every case in one container, one folder after another; each worker is a fresh process."""
    names = {}
    for number, case in enumerate(cases):
        folder = root / f"{number:03}"
        write_case(folder, case, language, f"job_{number:016}")
        if way == WARM:
            folder.chmod(0o777)  # the script in the container moves the job there
            make_files(folder / "out")
        names[case.name] = folder
    start = shlex.join(WORKERS[language]["start"])
    # Standard error of the start command itself is kept: with exit code 64 it must say why.
    script = way.format(start=start, give=GIVE) + LEFT
    done = subprocess.run(
        [
            *("docker", "run", "--rm", "--init", "--network", "none", "--read-only"),
            *("--tmpfs", "/tmp:exec,mode=1777", "--cap-drop", "ALL", "--security-opt", "no-new-privileges"),
            *("-v", f"{root}:/jobs", "--entrypoint", "sh", image, "-c", script),
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=seconds,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return {name: _outcome(language, folder) for name, folder in names.items()}


def open_folder(factory: pytest.TempPathFactory, name: str) -> Path:
    """A new folder into which the container's user can look."""
    root = factory.mktemp(name)
    for folder in (root, *root.parents[:2]):
        folder.chmod(0o755)
    return root


def keeps_the_schemas(name: str, outcome: Outcome, schemas: Schemas) -> None:
    """Everything that was written is of its schema, can be read by others, and nothing else was left."""
    for event in outcome.events:
        assert schemas.problem("event", event) is None, (name, event)
    for file, schema in (("result.json", "value"), ("error.json", "error")):
        path = outcome.folder / "out" / file
        if path.exists():
            assert schemas.problem(schema, json.loads(path.read_text())) is None, name
            assert path.stat().st_mode & 0o044 == 0o044, name
    leftovers = [
        path.name
        for path in (outcome.folder / "out").iterdir()
        if path.suffix not in (".json", ".jsonl", ".log") and path.name not in ("objects", "files", "raw", "code")
    ]
    assert leftovers == [], name


def _outcome(language: str, folder: Path) -> Outcome:
    out = folder / "out"
    return Outcome(language, int((out / "code").read_text()), folder, (out / "raw").read_text())


def image_of(language: str) -> str:
    """The id of the image of the language's usual runtime."""
    return image_of_runtime(WORKERS[language]["runtime"])


def image_of_runtime(runtime: str) -> str:
    """The id of the runtime's image, built if it is not there, as the command line lists it."""
    command = [*COMMAND, "images", "build", runtime]
    built = subprocess.run(command, capture_output=True, text=True, check=True)
    return built.stdout.split()[-1]
