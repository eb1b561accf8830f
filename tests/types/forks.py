"""A warm worker: one container whose parent process has loaded the libraries and forks a child for each job folder.

The child runs the worker's own code in a process of its own, so a job costs hundredths of a second and not a second.
R cannot move its streams without a shell, so what an R job prints goes to the container's log.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.conformance.harness import Case, Node, Outcome, image_of, write_case

HERE = Path(__file__).parent
PARENTS = {"python": ["python3", "/types/fork_python.py"], "r": ["Rscript", "--vanilla", "/types/fork_r.R"]}


class Forks:
    """Runs cases of one language, one after another; ``root`` holds the job folders."""

    def __init__(self, language: str, root: Path) -> None:
        self.language = language
        self._root = root
        self._count = 0
        start, *arguments = PARENTS[language]
        with (root / "log").open("w") as log:
            self._process = subprocess.Popen(
                [
                    *("docker", "run", "--rm", "--init", "-i", "--network", "none", "--read-only"),
                    *("--tmpfs", "/tmp:exec,mode=1777", "--cap-drop", "ALL", "--security-opt", "no-new-privileges"),
                    *("-e", "LANG=C.UTF-8", "-e", "LC_ALL=C.UTF-8", "-e", "TZ=UTC", "-e", "HOME=/tmp"),
                    *("-v", f"{root}:/jobs", "-v", f"{HERE}:/types:ro"),
                    *("--entrypoint", start, image_of(language), *arguments),
                ],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(60)
        self._process.stdout.close()

    def run(self, text: str, *values: tuple[Outcome, Node], named: Mapping[str, Any] | None = None) -> Outcome:
        """The outcome of a job whose source is `text`, which defines `f`; `values` are results of earlier jobs."""
        self._count += 1
        name = f"{self._count:05}"
        handed, objects = [], {}
        for outcome, node in values:
            handed.append((None, handed_on(node, outcome, objects)))
        case = Case(name, {self.language: text}, lambda _: None, values=handed, objects=objects, **(named or {}))
        write_case(self._root / name, case, self.language, f"job_{self._count:016}")
        return Outcome(self.language, self._ended(f"/jobs/{name}"), self._root / name, "")

    def _ended(self, folder: str) -> int:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{folder}\n")
        self._process.stdin.flush()
        for line in self._process.stdout:
            if line.startswith(f"ended {folder} "):
                return int(line.split()[-1])
        raise AssertionError(f"the parent of {self.language} died: {(self._root / 'log').read_text()}")


def handed_on(node: Node, outcome: Outcome, objects: dict[str, bytes]) -> Node:
    """A result's node as a later job's value: its new objects become objects of that job."""
    copy: Node = json.loads(json.dumps(node))
    _adopt(copy, outcome, objects)
    return copy


def _file(reference: str, outcome: Outcome) -> Path:
    """The file of a new object, or of one that the job was given and returned."""
    if reference.startswith("new:"):
        return outcome.file(reference)
    return next((outcome.folder / "in").glob(f"{reference}.*"))


def _adopt(node: Any, outcome: Outcome, objects: dict[str, bytes]) -> None:
    if isinstance(node, list):
        for part in node:
            _adopt(part, outcome, objects)
    elif isinstance(node, dict):
        if isinstance(node.get("object"), str):
            file = _file(node["object"], outcome)
            node["object"] = f"obj_{len(objects):016}"
            objects[node["object"] + file.suffix] = file.read_bytes()
        for part in node.values():
            _adopt(part, outcome, objects)
