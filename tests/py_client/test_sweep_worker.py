"""The worker of a sweep as the child process that it is: what its points have in common, and what forks must not do."""

from __future__ import annotations

import dataclasses
import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from landbridge.kinds import Json

from tests.py_client.conftest import ROOT, Ran, Workshop, check_schema, job_document

Source = Callable[..., Json]
EACH = {"kind": "each", "column": 0}
TEXTS = pl.DataFrame({"g": ["a", "b"] * 20_000, "x": range(40_000)}, schema_overrides={"g": pl.Categorical})


def sweep(workshop: Workshop, function: Json, common: dict[str, Any], points: int = 3, **task: Any) -> Json:
    """The document of points 0, 1, ..., whose argument ``x`` is their number."""
    items = [["x", EACH], *([name, workshop.node(value)] for name, value in common.items())]
    document = job_document(function, items, 7, task) | {
        "points": [
            {"point": number, "job": f"job_{number:016d}", "seed": number, "values": [workshop.node(number)]}
            for number in range(points)
        ],
    }
    check_schema("job", document)
    return document


def results(ran: Ran) -> list[Any]:
    assert ran.code == 0, ran.stderr
    return [outcome["result"]["value"] for outcome in ran.heard("outcome")]


@dataclasses.dataclass
class Options:
    depth: int


OPTIONS = {"type": "source", "name": "Options", "file": "train.py", "line": 1}
OPTIONS["text"] = "import dataclasses\n\n@dataclasses.dataclass\nclass Options:\n    depth: int\n"


def test_a_common_value_is_of_the_class_that_the_function_sees(
    workshop: Workshop, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Options, "__module__", "__main__")
    text = "def f(x, options):\n    return isinstance(options, Options) and options.depth == 3\n"
    function = source(text, free=[{"name": "Options", "source": OPTIONS}])
    assert results(workshop.start(sweep(workshop, function, {"options": Options(3)}))) == [True, True, True]


def test_a_captured_value_is_decoded_once_and_changed_by_none(workshop: Workshop, source: Source) -> None:
    text = "import os\n\nmade_by = os.getpid()\n\ndef f(x):\n    seen.append(x)\n    return f'{len(seen)} {made_by}'\n"
    function = source(text, free=[{"name": "seen", "value": workshop.node([1, 2])}])
    told = results(workshop.start(sweep(workshop, function, {})))
    assert [text.split()[0] for text in told] == ["3", "3", "3"]
    assert len({text.split()[1] for text in told}) == 1


# A fork of polars has the tables, and not the threads that work on them.
@pytest.mark.parametrize("task", [{}, {"as": "polars"}], ids=["as it was", "as the task says"])
def test_tables_of_a_library_with_threads_can_be_worked_on(workshop: Workshop, source: Source, task: Json) -> None:
    text = "import polars as pl\n\ndef f(x, t):\n    return len(t.sort('x').group_by('g').agg(pl.col('x').sum())) + x\n"
    ran = workshop.start(sweep(workshop, source(text), {"t": TEXTS if not task else TEXTS.to_pandas()}, **task))
    assert results(ran) == [2, 3, 4]
    assert len(ran.heard("started")) == 1


def test_what_such_a_sweep_cannot_load_is_the_error_of_all(workshop: Workshop, source: Source) -> None:
    ran = workshop.start(sweep(workshop, source("import no_such_module\n\ndef f(x, t):\n    return x\n"), {"t": TEXTS}))
    assert (ran.code, ran.error["type"]) == (0, "ModuleNotFoundError")
    assert [event["event"] for event in ran.events] == ["started"]


@pytest.mark.parametrize("common", [{}, {"y": [1, 2]}], ids=["in the worker's process", "in forks"])
def test_a_child_that_comes_back_from_user_code_runs_no_point(
    workshop: Workshop, source: Source, common: dict[str, Any]
) -> None:
    text = (
        "import os, sys\n\ndef f(x, y=None):\n    child = os.fork()\n"
        "    if child == 0 and x == 1:\n        sys.exit(5)\n"
        "    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) if child else x\n"
    )
    ran = workshop.start(sweep(workshop, source(text), common))
    assert results(ran) == [0, 5, 0]
    assert [event["point"] for event in ran.heard("point")] == [0, 1, 2]


def test_a_fork_ends_with_its_worker(workshop: Workshop, source: Source) -> None:
    pipe = workshop.folder / "pid"
    os.mkfifo(pipe)
    text = (
        "import os, signal\n\ndef f(x, y):\n"
        f"    with open({str(pipe)!r}, 'w') as told:\n        told.write(str(os.getpid()))\n    signal.pause()\n"
    )
    (workshop.folder / "job.json").write_text(json.dumps(sweep(workshop, source(text), {"y": [1, 2]})))
    environment = os.environ | {"PYTHONPATH": str(ROOT / "py-client" / "src")}
    worker = subprocess.Popen([sys.executable, "-m", "landbridge.worker", str(workshop.folder)], env=environment)
    fork = os.pidfd_open(int(Path(pipe).read_text()))
    worker.send_signal(signal.SIGKILL)
    assert worker.wait(60) == -signal.SIGKILL
    ended = select.poll()
    ended.register(fork, select.POLLIN)
    assert ended.poll(30_000), "the fork goes on without its worker"
    os.close(fork)
