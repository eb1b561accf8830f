"""Functions by source with what they use: captured here, then run by a real worker."""

from __future__ import annotations

import functools
import statistics
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from IPython.core.interactiveshell import InteractiveShell
from landbridge.capture import capture
from landbridge.errors import FunctionNotCaptured
from landbridge.kinds import Json
from landbridge.objects import FolderSink

from tests.py_client import lessons
from tests.py_client.conftest import ROOT, Workshop, check_schema


def captured(workshop: Workshop, function: Any) -> Json:
    document = capture(function, FolderSink(workshop.folder / "in"))
    document = _adopted(workshop, document)
    check_schema("task", {"language": "python", "function": document})
    return document


def _adopted(workshop: Workshop, document: Json) -> Json:
    free = []
    for entry in document.get("free", []):
        if "value" in entry:
            entry = entry | {"value": workshop._adopted(entry["value"])}
        if "source" in entry:
            entry = entry | {"source": _adopted(workshop, entry["source"])}
        free.append(entry)
    return document | ({"free": free} if free else {})


def names(document: Json) -> dict[str, str]:
    return {
        entry["name"]: next(key for key in ("import", "source", "value") if key in entry) for entry in document["free"]
    }


def test_what_a_function_uses_goes_along(workshop: Workshop) -> None:
    document = captured(workshop, lessons.fit)
    assert names(document) == {
        "THRESHOLD": "value",
        "OrderedDict": "import",
        "clean": "source",
        "js": "import",
        "statistics": "import",
        "os": "import",
    }
    assert Path(document["file"]) == Path(lessons.__file__)
    ran = workshop.run(document, (None, 2))
    assert ran.decoded() == {"a": 18, "b": "2", "c": "/", "d": 1}


def test_lines_are_those_of_the_file(workshop: Workshop) -> None:
    document = captured(workshop, lessons.clean)
    lines = Path(lessons.__file__).read_text().split("\n")
    first = document["line"] + (1 if document["text"].startswith("from __future__") else 0)
    assert lines[first - 1] == "def clean(x: Any) -> Any:"
    error = workshop.run(document, (None, None)).error
    assert error["frames"][-1]["source"][2] == [first + 1, "    return x * THRESHOLD"]


@pytest.mark.parametrize(
    ("function", "argument", "result"),
    [
        (lessons.renamed, 2, 6),
        (lessons.parity, 7, "odd"),
        (lessons.factorial, 5, 120),
        (lessons.with_class, 2, 21),
        (lessons.decorated, 3, 8),
        (lessons.maker(10), 1, 29),
        (lessons.uses_submodule, "<a/>", "a"),
        (lessons.PAIR[1], 1, 3),
        (lessons.WRAPPED, 2, 6),
        (statistics.mean, [1, 3], 2),
        (np.sqrt, 4.0, 2.0),
        (len, [1, 2], 2),
        (dict.fromkeys, ["a"], {"a": None}),
    ],
    ids=lambda value: getattr(value, "__qualname__", repr(value)),
)
def test_a_captured_function_does_the_same_in_a_job(
    workshop: Workshop, function: Any, argument: Any, result: Any
) -> None:
    ran = workshop.run(captured(workshop, function), (None, argument))
    assert ran.code == 0
    assert ran.decoded() == result == function(argument)


def test_functions_of_packages_go_by_name(workshop: Workshop) -> None:
    assert captured(workshop, statistics.mean) == {"type": "reference", "package": "statistics", "name": "mean"}
    assert captured(workshop, np.mean) == {"type": "reference", "package": "numpy", "name": "mean"}


def test_a_captured_value_says_its_size(workshop: Workshop) -> None:
    document = captured(workshop, lessons.uses_table)
    (entry,) = [entry for entry in document["free"] if entry["name"] == "TABLE"]
    assert entry["size"] > 5000 * 8
    assert workshop.run(document).decoded() == 5001


def refused(workshop: Workshop, function: Any) -> str:
    with pytest.raises(FunctionNotCaptured) as caught:
        captured(workshop, function)
    return caught.value.message


def test_what_cannot_be_captured_is_named(workshop: Workshop) -> None:
    assert refused(workshop, lessons.Point(1).shift) == "`Point.shift` cannot be captured: it is a method."
    assert refused(workshop, lessons.Point) == "`Point` cannot be captured: it is a class of your own."
    partial = functools.partial(lessons.clean, 1)
    assert refused(workshop, partial) == "`partial` cannot be captured: it is a `partial`, not a function."
    assert refused(workshop, (item for item in ())).endswith("it is a `generator`, not a function.")
    assert refused(workshop, lessons.uses_own_module).startswith(
        "`uses_own_module` cannot be captured: it uses the module `tests.py_client.gateway` of your own files"
    )
    lock = refused(workshop, lessons.uses_lock)
    assert lock.startswith("`uses_lock` cannot be captured: it uses `LOCK`, and it is of the type `_thread.lock`")
    assert "`LOCK`" in refused(workshop, lessons.uses_lock_deep)
    made: dict[str, Callable[..., Any]] = {}
    exec("def made(): return 1", made)
    assert refused(workshop, made["made"]) == "`made` cannot be captured: its source cannot be found."


def test_a_cell_of_a_notebook_has_a_source(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VIRTUAL_ENV", raising=False)  # IPython warns of one that it does not run in
    shell = InteractiveShell.instance()
    shell.run_cell("import math\nbase = 2\ndef helper(x):\n    return x + base\n").raise_error()
    shell.run_cell("%time ok = 1\ndef inside(x):\n    return math.sqrt(helper(x))\n").raise_error()
    document = captured(workshop, shell.user_ns["inside"])
    assert names(document) == {"math": "import", "helper": "source"}
    assert workshop.run(document, (None, 7)).decoded() == 3.0
    shell.clear_instance()


def test_a_function_of_a_command_line_fails_clearly() -> None:
    code = (
        "import landbridge as lb\ndef f(): pass\ntry:\n    from landbridge.capture import capture; capture(f, None)\n"
    )
    code += "except lb.errors.FunctionNotCaptured as problem:\n    print(problem)\n"
    child = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": str(ROOT / "py-client" / "src")},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    sentence, way_out = child.stdout.splitlines()
    assert sentence == "`f` cannot be captured: its source cannot be found."
    assert way_out == "Write it into a file, or pass its text with python(...)."
