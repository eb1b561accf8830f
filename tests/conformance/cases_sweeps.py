"""Sweeps: many points in one folder, each as if it were alone."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa

from tests.conformance.cases_values import OBJECT, frame, scalar, vector
from tests.conformance.harness import Case, Node, Outcome

EACH: Node = {"kind": "each", "column": 0}
TABLE = pa.table({"x": pa.array([1.0, 2.0, 3.0], pa.float64())})


def points(*values: Node, seeds: tuple[int, ...] = ()) -> list[Node]:
    """One point for each value, from number 10 on."""
    return [
        {"point": 10 + n, "job": f"job_{n:016}", "seed": seeds[n] if seeds else 100 + n, "values": [value]}
        for n, value in enumerate(values)
    ]


NUMBERS = points(*(scalar("float", value) for value in (1.5, 2.5, 3.5)))


def outcomes(outcome: Outcome) -> dict[int, Node]:
    assert outcome.code == 0, (outcome.error_or_none(), outcome.raw_stderr, outcome.log("stderr"))
    assert outcome.result == {"kind": "null"}
    return {event["point"]: event for event in outcome.told("outcome")}


def results(outcome: Outcome) -> list[object]:
    found = outcomes(outcome).values()
    assert all("result" in event for event in found), (list(found), outcome.log("stderr"))
    return [event["result"].get("value") for event in found]


def _in_order(outcome: Outcome) -> None:
    assert results(outcome) == [3.0, 5.0, 7.0]
    told = [(event["event"], event.get("point")) for event in outcome.events if event["event"] != "started"]
    assert told == [(kind, point) for point in (10, 11, 12) for kind in ("point", "metric", "outcome")]
    assert [event["value"] for event in outcome.told("metric")] == [1.5, 2.5, 3.5]
    assert outcome.events[0]["event"] == "started"


def _common(outcome: Outcome) -> None:
    assert results(outcome) == [11.5, 12.5, 13.5]


def _seeded(outcome: Outcome) -> None:
    first, second, third = results(outcome)
    assert first == third
    assert first != second


def _one_error(outcome: Outcome) -> None:
    found = outcomes(outcome)
    assert ["error" in event for event in found.values()] == [False, True, False]
    error = found[11]["error"]
    assert error["message"] == "no 2.5"
    assert error["type"] == {"python": "ValueError", "r": "simpleError"}[outcome.language]
    assert [frame["function"] for frame in error["frames"] if not frame["ours"]][-1:] == ["f"]
    assert error["warnings"] == []
    assert "no 2.5" in outcome.log("stderr")


def _own_warnings(outcome: Outcome) -> None:
    found = outcomes(outcome)
    assert [event["point"] for event in outcome.told("warning")] == [10, 11, 12]
    assert [len(event["error"]["warnings"]) for event in found.values()] == [1, 1, 1]


def _one_exit(outcome: Outcome) -> None:
    found = outcomes(outcome)
    assert [set(event) & {"result", "died"} for event in found.values()] == [{"result"}, {"died"}, {"result"}]
    assert found[11]["died"]["code"] == 3


def _one_crash(outcome: Outcome) -> None:
    found = outcomes(outcome)
    assert [set(event) & {"result", "died"} for event in found.values()] == [{"result"}, {"died"}, {"result"}]
    assert found[11]["died"]["signal"] == 9
    assert not found[11]["died"].get("memory")


def _unchanged(outcome: Outcome) -> None:
    assert results(outcome) == [6.0, 6.0, 6.0]


def _nothing_left(outcome: Outcome) -> None:
    assert results(outcome) == ["clean", "clean", "clean"], outcome.log("stderr")


def _passed_over(outcome: Outcome) -> None:
    assert list(outcomes(outcome)) == [10, 12]
    assert [event["point"] for event in outcome.told("point")] == [10, 12]


def _recalled(outcome: Outcome) -> None:
    assert outcomes(outcome) == {}
    assert outcome.told("point") == []


def _not_loaded(outcome: Outcome) -> None:
    assert outcome.code == 0
    assert outcome.error["message"]
    assert outcome.told("point") == []
    assert not outcome.has_result


def _own_logs(outcome: Outcome) -> None:
    found = outcomes(outcome)
    text = (outcome.folder / "out" / "stdout.log").read_bytes()
    parts = [text[slice(*event["stdout"])].decode() for event in found.values()]
    assert [part.strip() for part in parts] == ["at 1.5", "at 2.5", "at 3.5"]
    assert not parts[0].endswith("\n")
    begun = {event["point"]: event for event in outcome.told("point")}
    assert [begun[point]["stdout"][0] for point in begun] == [event["stdout"][0] for event in found.values()]
    assert b"from a child" in (outcome.folder / "out" / "stderr.log").read_bytes()[slice(*found[12]["stderr"])]


def _tables(outcome: Outcome) -> None:
    found = outcomes(outcome)
    sizes = [outcome.table(event["result"]).num_rows for event in found.values()]
    assert sizes == [1, 2, 3]
    assert len({event["result"]["object"] for event in found.values()}) == 3


def _context(outcome: Outcome) -> None:
    found = outcomes(outcome)
    for n, event in enumerate(found.values()):
        told = dict(event["result"]["items"])
        assert told["job"]["value"] == f"job_{n:016}"
        # R counts from 1.
        number = 10 + n + (outcome.language == "r")
        assert [told[name]["value"] for name in ("point", "seed", "attempt")] == [number, 100 + n, 1]


def _kept(outcome: Outcome) -> None:
    outcomes(outcome)
    files = outcome.told("file")
    assert [(event["point"], event["name"]) for event in files] == [
        (10, "notes.txt"),
        (11, "notes.txt"),
        (12, "notes.txt"),
    ]
    texts = [(outcome.folder / "out" / event["file"]).read_text().strip() for event in files]
    assert texts == ["1.5", "2.5", "3.5"]
    saved = [(event["point"], event["value"]["value"]) for event in outcome.told("artifact")]
    assert saved == [(10, 1.5), (11, 2.5), (12, 3.5)]


def _touch(*names: str):
    def spoil(folder: Path) -> None:
        for name in names:
            path = folder / "in" / name
            path.parent.mkdir(exist_ok=True)
            path.write_text("")

    return spoil


def case(name: str, python: str, r: str, check, given: list[Node] = NUMBERS, **more) -> Case:
    values = more.pop("values", [("x", EACH)])
    return Case(f"sweep: {name}", {"python": python, "r": r}, check, values, points=given, **more)


SHARED = [("x", EACH), ("table", frame(TABLE, "data.table"))]
OBJECTS = {f"{OBJECT}.arrow": TABLE}

CASES = [
    case(
        "points run in their order, with what they report",
        "import landbridge as lb\n\ndef f(x):\n    lb.log_metric('loss', x)\n    return 2 * x\n",
        "f <- function(x) {\n  landbridge::log_metric('loss', x)\n  2 * x\n}\n",
        _in_order,
    ),
    case(
        "common values are beside the point's own",
        "def f(x, y):\n    return x + y\n",
        "f <- function(x, y) x + y\n",
        _common,
        values=[("y", scalar("float", 10)), ("x", EACH)],
    ),
    case(
        "a seed gives the same numbers in any place",
        "import random\n\ndef f(x):\n    return random.random()\n",
        "f <- function(x) stats::runif(1)\n",
        _seeded,
        points(*(scalar("int", 1),) * 3, seeds=(5, 6, 5)),
    ),
    case(
        "an error is its point's",
        "def f(x):\n    if x == 2.5:\n        raise ValueError(f'no {x}')\n    return x\n",
        "f <- function(x) {\n  if (x == 2.5) stop('no ', x)\n  x\n}\n",
        _one_error,
    ),
    case(
        "warnings are their point's",
        "import warnings\n\ndef f(x):\n    warnings.warn('careful')\n    raise ValueError('no')\n",
        "f <- function(x) {\n  warning('careful')\n  stop('no')\n}\n",
        _own_warnings,
    ),
    case(
        "an exit is its point's death",
        "import sys\n\ndef f(x):\n    if x == 2.5:\n        sys.exit(3)\n    return x\n",
        "f <- function(x) {\n  if (x == 2.5) quit(status = 3)\n  x\n}\n",
        _one_exit,
    ),
    case(
        "a crash in a fork is its point's death",
        "import os\n\ndef f(x, table):\n    if x == 2.5:\n        os.kill(os.getpid(), 9)\n    return x\n",
        "f <- function(x, table) {\n  if (x == 2.5) tools::pskill(Sys.getpid(), 9)\n  x\n}\n",
        _one_crash,
        values=SHARED,
        objects=OBJECTS,
    ),
    case(
        "a common table that a point changes is not changed for the next",
        "def f(x, table):\n    total = float(table['x'].sum())\n    table['x'] = 0.0\n    return total\n",
        "f <- function(x, table) {\n  total <- sum(table$x)\n"
        "  data.table::set(table, j = 'x', value = 0)\n  total\n}\n",
        _unchanged,
        values=SHARED,
        objects=OBJECTS,
    ),
    case(
        "nothing of a point is left for the next",
        "import os\n\nseen = []\n\ndef f(x):\n"
        "    found = seen or os.environ.get('MINE') or os.listdir('.') or os.path.basename(os.getcwd()) != 'work'\n"
        "    seen.append(x)\n    os.environ['MINE'] = 'x'\n    open('left', 'w').close()\n    os.chdir('/')\n"
        "    return str(found) if found else 'clean'\n",
        "seen <- NULL\nf <- function(x) {\n"
        "  dirty <- !is.null(seen) || nzchar(Sys.getenv('MINE')) || length(dir()) > 0 ||\n"
        "    basename(getwd()) != 'work' || !is.null(getOption('mine')) || exists('left_over', globalenv())\n"
        "  seen <<- x\n  Sys.setenv(MINE = 'x')\n  file.create('left')\n  setwd('/')\n  options(mine = 1)\n"
        "  assign('left_over', 1, globalenv())\n  if (dirty) 'dirty' else 'clean'\n}\n",
        _nothing_left,
    ),
    case(
        "a cancelled point is passed over",
        "def f(x):\n    return x\n",
        "f <- function(x) x\n",
        _passed_over,
        spoil=_touch("cancelled/11"),
    ),
    case(
        "a recalled worker begins nothing more",
        "def f(x):\n    return x\n",
        "f <- function(x) x\n",
        _recalled,
        spoil=_touch("recall"),
    ),
    case(
        "what cannot be loaded is the error of all",
        "import no_such_module\n\ndef f(x):\n    return x\n",
        "library(no.such.package)\nf <- function(x) x\n",
        _not_loaded,
    ),
    case(
        "logs tell which point wrote what",
        "import subprocess\n\ndef f(x):\n    print(f'at {x}', end='')\n"
        "    subprocess.run('echo from a child >&2', shell=True, check=True)\n",
        "f <- function(x) {\n  cat('at', x)\n  system('echo from a child >&2')\n  NULL\n}\n",
        _own_logs,
    ),
    case(
        "results may be tables",
        "def f(x):\n    import pandas\n    return pandas.DataFrame({'n': range(int(x))})\n",
        "f <- function(x) data.frame(n = seq_len(x))\n",
        _tables,
    ),
    case(
        "the context is the point's own",
        "import landbridge as lb\n\ndef f(x):\n    found = lb.context()\n"
        "    return {name: found[name] for name in ('job', 'point', 'seed', 'attempt')}\n",
        "f <- function(x) landbridge::context()[c('job', 'point', 'seed', 'attempt')]\n",
        _context,
    ),
    case(
        "files and values of one name are kept for each point",
        "import landbridge as lb\n\ndef f(x):\n    with open('notes.txt', 'w') as notes:\n        notes.write(str(x))\n"
        "    lb.save_file('notes.txt')\n    lb.save_value('kept', x)\n",
        "f <- function(x) {\n  writeLines(as.character(x), 'notes.txt')\n  landbridge::save_file('notes.txt')\n"
        "  landbridge::save_value('kept', x)\n  NULL\n}\n",
        _kept,
    ),
    case(
        "no points at all",
        "def f(x):\n    return x\n",
        "f <- function(x) x\n",
        _recalled,
        [],
    ),
    case(
        "values that a point gets may be of any kind",
        "def f(x):\n    return sum(x)\n",
        "f <- function(x) sum(unlist(x))\n",
        lambda outcome: _is(results(outcome), [3.0, 7.0]),
        points(vector("float", [1, 2]), vector("float", [3, 4])),
    ),
]


def _is(found: object, expected: object) -> None:
    assert found == expected
