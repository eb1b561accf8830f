"""The contract around values: order of events, errors with their frames, warnings, logs, exit codes, the in-job API."""

from __future__ import annotations

from pathlib import Path

from tests.conformance.cases_values import ECHO, scalar, vector
from tests.conformance.harness import SEED, Case, Outcome

ONE = scalar("int", 1)
X = vector("float", [1.5, 2.5])
SHELL = "; rm -rf / $(id) `id` && 'one' \"two\"\n#SBATCH --hold | cat > /tmp/x \\"


def _error(outcome: Outcome) -> None:
    assert outcome.code == 0
    assert not outcome.has_result
    error = outcome.error
    assert error["type"] == {"r": "too_deep", "python": "TooDeep"}[outcome.language]
    assert {"r": ["too_deep", "error", "condition"], "python": ["TooDeep", "ValueError", "Exception", "BaseException"]}[
        outcome.language
    ] == error["classes"]
    assert error["message"] == "depth 7 is too deep"
    assert error["session"]["language"] == outcome.language
    own = [frame for frame in error["frames"] if not frame["ours"]]
    innermost = own[-1]
    assert innermost["function"] == "check"
    assert innermost["file"] == f"case.{outcome.language}"
    lines = dict(innermost["source"])
    assert lines[innermost["line"]].strip().startswith(("raise TooDeep", "stop("))
    assert "f" in [frame["function"] for frame in own]


def _warned(outcome: Outcome) -> None:
    assert outcome.result == ONE | {k: v for k, v in outcome.result.items() if k not in ONE}
    warnings = outcome.told("warning")
    assert [warning["message"] for warning in warnings] == ["careful now"]
    assert warnings[0]["category"] == {"r": "my_warning", "python": "UserWarning"}[outcome.language]
    assert "careful now" in outcome.log("stderr")


def _logged(outcome: Outcome) -> None:
    assert outcome.code == 0, outcome.error_or_none()
    assert outcome.log("stdout").splitlines() == ["printed", "from a child"]
    assert "to stderr" in outcome.log("stderr")
    assert outcome.raw_stderr == ""


def _in_order(outcome: Outcome) -> None:
    assert outcome.code == 0, outcome.error_or_none()
    for stream, word in (("stdout", "out"), ("stderr", "err")):
        lines = [line.split() for line in outcome.log(stream).splitlines() if line.startswith(f"{word} ")]
        assert lines == [[word, str(number)] for number in range(2000)]


def _forged(outcome: Outcome) -> None:
    assert outcome.result["value"] == 2
    assert "metric" not in [event["event"] for event in outcome.events]


def _reported(outcome: Outcome) -> None:
    assert outcome.code == 0, outcome.error_or_none()
    metrics = [(event["name"], event["value"], event.get("step")) for event in outcome.told("metric")]
    assert metrics == [("loss", 0.5, 1), ("loss", "NaN", 2), ("score", 3, None)]
    assert {event["name"]: event["value"] for event in outcome.told("param")} == {"depth": 6, "kind": "tree"}
    assert {event["name"]: event["value"] for event in outcome.told("tag")} == {"stage": "trial"}
    progress = outcome.told("progress")[-1]
    assert (progress["done"], progress["total"], progress["message"]) == (1, 2, "half")
    saved = {event["name"]: event["value"] for event in outcome.told("artifact")}
    assert saved["kept"]["kind"] == "vector"
    (file,) = outcome.told("file")
    assert (outcome.folder / "out" / file["file"]).read_text().strip() == "notes"
    assert file["size"] == (outcome.folder / "out" / file["file"]).stat().st_size
    assert outcome.result["value"].startswith("job_")


def _first_and_last(outcome: Outcome) -> None:
    assert outcome.code == 0
    started = outcome.events[0]
    assert started["event"] == "started"
    assert started["versions"][outcome.language][0].isdigit()
    assert started["at"].endswith("Z")


def _seeded(outcome: Outcome) -> None:
    first, second = (item for _, item in outcome.result["items"])
    assert first["values"] == second["values"]


def _understood_nothing(outcome: Outcome) -> None:
    assert outcome.code == 64
    assert not outcome.has_result
    assert outcome.error_or_none() is None
    assert len(outcome.raw_stderr.strip().splitlines()) == 1


def _died(code: int):
    def check(outcome: Outcome) -> None:
        assert outcome.code == code
        assert not outcome.has_result
        assert outcome.error_or_none() is None
        assert "last words" in outcome.log("stdout")
        # So that a code which a signal would leave as well is known to be its own.
        assert len(outcome.told("exit")) == 1

    return check


def _no_exit_told(outcome: Outcome) -> None:
    assert outcome.has_result
    assert outcome.told("exit") == []


def _value(expected):
    def check(outcome: Outcome) -> None:
        assert outcome.code == 0, outcome.error_or_none()
        assert outcome.result.get("value", outcome.result.get("values")) == expected

    return check


def _outputs(outcome: Outcome) -> None:
    assert outcome.code == 0, outcome.error_or_none()
    items = {key: node["value"] for key, node in outcome.result["items"]}
    assert items == {"total": 4, "words": "a b"}


def _free(name: str, **more) -> dict:
    return {"name": name, **more}


def _spoil_json(folder: Path) -> None:
    (folder / "job.json").write_text('{"protocol": 1, ')


def _spoil_protocol(folder: Path) -> None:
    spec = folder / "job.json"
    spec.write_text(spec.read_text().replace('"protocol": 1', '"protocol": 99'))


def _no_spec(folder: Path) -> None:
    (folder / "job.json").unlink()


def _syntax(outcome: Outcome) -> None:
    assert outcome.code == 0
    assert not outcome.has_result
    assert outcome.error["message"]


def _null(outcome: Outcome) -> None:
    assert outcome.code == 0, outcome.error_or_none()
    assert outcome.result["kind"] == "null"


HELPER = {
    "python": {"type": "source", "name": "double", "text": "def double(x):\n    return x * factor\n"},
    "r": {"type": "source", "name": "double", "text": "double <- function(x) x * factor\n"},
}


def _helper_case(language: str) -> Case:
    helper = HELPER[language] | {"free": [_free("factor", value=scalar("int", 2))]}
    source = {"python": "def f(x):\n    return double(x) + 1\n", "r": "f <- function(x) double(x) + 1\n"}
    return Case(
        f"helpers and captured values stand where the function of {language} looks",
        source,
        _value(7),
        [(None, scalar("int", 3))],
        function={"free": [_free("double", source=helper)]},
        only=language,
    )


RUNNING = [
    Case("the first event says what runs", ECHO, _first_and_last, [(None, ONE)]),
    Case(
        "arguments arrive by position and by name",
        {
            "python": "def f(a, b, *, c):\n    return f'{a} {b} {c}'\n",
            "r": "f <- function(a, b, c) paste(a, b, c)\n",
        },
        _value("1 2 3"),
        [(None, ONE), ("c", scalar("int", 3)), ("b", scalar("int", 2))],
    ),
    _helper_case("python"),
    _helper_case("r"),
    Case(
        "an import stands under its name",
        {"python": "def f(x):\n    return m.sqrt(x)\n"},
        _value(3.0),
        [(None, scalar("int", 9))],
        function={"free": [_free("m", **{"import": {"module": "math", "attribute": None}})]},
        only="python",
    ),
    Case(
        "packages are attached",
        {"r": "f <- function(x) nrow(as.data.table(x))\n"},
        _value(2),
        [(None, X)],
        function={"packages": ["data.table"]},
        only="r",
    ),
    Case(
        "a function of a package goes by its name",
        {"python": "", "r": ""},
        _value(2.0),
        [(None, vector("float", [1.0, 2.0, 3.0]))],
        function={"type": "reference"} | {"package": "statistics", "name": "median"},
        only="python",
    ),
    Case(
        "a function of an R package goes by its name",
        {"python": "", "r": ""},
        _value(2),
        [(None, vector("float", [1.0, 2.0, 3.0]))],
        function={"type": "reference", "package": "stats", "name": "median"},
        only="r",
    ),
    Case(
        "a script runs as it is and its outputs are collected",
        {
            "python": "import sys\ntotal = depth + 1\nwords = ' '.join(sys.argv[1:])\n",
            "r": "total <- depth + 1\nwords <- paste(commandArgs(trailingOnly = TRUE), collapse = ' ')\n",
        },
        _outputs,
        [("depth", scalar("int", 3)), (None, scalar("str", "a")), (None, scalar("str", "b"))],
        function={"type": "script", "outputs": ["total", "words"]},
    ),
    Case(
        "a script without outputs gives null",
        {"python": "x = 1\n", "r": "x <- 1\n"},
        _null,
        function={"type": "script"},
    ),
    Case(
        "the seed rules the random numbers",
        {
            "python": (
                "import random\n\nfirst = [random.random() for _ in range(3)]\n\n"
                f"def f():\n    random.seed({SEED})\n    return [first, [random.random() for _ in range(3)]]\n"
            ),
            "r": f"first <- runif(3)\nf <- function() {{\n  set.seed({SEED})\n  list(first, runif(3))\n}}\n",
        },
        _seeded,
    ),
    Case(
        "the working folder is fresh and the time zone is UTC",
        {
            "python": "import os, time\n\ndef f():\n    return f'{len(os.listdir())} {time.tzname[0]}'\n",
            "r": "f <- function() paste(length(list.files()), Sys.timezone())\n",
        },
        _value("0 UTC"),
    ),
]


ERRORS = [
    Case(
        "an error tells its class, message and frames with their lines",
        {
            "python": (
                "class TooDeep(ValueError):\n    pass\n\n\ndef check(depth):\n    if depth > 6:\n"
                "        raise TooDeep(f'depth {depth} is too deep')\n\n\ndef f(depth):\n    check(depth)\n"
            ),
            "r": (
                "check <- function(depth) {\n  if (depth > 6) {\n"
                "    stop(structure(class = c('too_deep', 'error', 'condition'),\n"
                "      list(message = paste('depth', depth, 'is too deep'), call = sys.call(-1))))\n  }\n}\n\n"
                "f <- function(depth) {\n  check(depth)\n}\n"
            ),
        },
        _error,
        [(None, scalar("int", 7))],
    ),
    Case(
        "a warning is kept with its class",
        {
            "python": "import warnings\n\ndef f(x):\n    warnings.warn('careful now')\n    return x\n",
            "r": ("f <- function(x) {\n  warning(warningCondition('careful now', class = 'my_warning'))\n  x\n}\n"),
        },
        _warned,
        [(None, ONE)],
    ),
    Case(
        "what is printed is in the logs, of child processes too",
        {
            "python": (
                "import subprocess, sys\n\ndef f():\n    print('printed', flush=True)\n"
                "    subprocess.run(['echo', 'from a child'])\n    print('to stderr', file=sys.stderr)\n"
            ),
            "r": (
                "f <- function() {\n  cat('printed\\n')\n  system('echo from a child')\n"
                "  cat('to stderr\\n', file = stderr())\n  NULL\n}\n"
            ),
        },
        _logged,
    ),
    Case(
        "an event cannot be forged by printing",
        {
            "python": 'def f():\n    print(\'{"event": "metric", "name": "a", "value": 1}\')\n    return 2\n',
            "r": 'f <- function() {\n  cat(\'{"event": "metric", "name": "a", "value": 1}\\n\')\n  2L\n}\n',
        },
        _forged,
    ),
    Case(
        "what is printed to both streams in turns keeps its order in each",
        {
            "python": (
                "import sys\n\ndef f():\n    for i in range(2000):\n"
                "        print('out', i)\n        print('err', i, file=sys.stderr)\n"
            ),
            "r": (
                "f <- function() {\n  for (i in 0:1999) {\n    cat('out', i, '\\n')\n"
                "    cat('err', i, '\\n', file = stderr())\n  }\n  NULL\n}\n"
            ),
        },
        _in_order,
    ),
    Case("what a shell would run is text", ECHO, _value(SHELL), [(None, scalar("str", SHELL))]),
    Case(
        "an exit of user code is a death with its code",
        {
            "python": "import sys\n\ndef f():\n    print('last words')\n    sys.exit(7)\n",
            "r": "f <- function() {\n  cat('last words\\n')\n  quit(status = 7)\n}\n",
        },
        _died(7),
    ),
    Case(
        "an exit with the code of a signal is its own",
        {
            "python": "import sys\n\ndef f():\n    print('last words')\n    sys.exit(137)\n",
            "r": "f <- function() {\n  cat('last words\\n')\n  quit(status = 137)\n}\n",
        },
        _died(137),
    ),
    Case("a job that ends well says nothing of its exit", ECHO, _no_exit_told, [(None, ONE)]),
    Case(
        "code that does not parse after all is an error",
        {"python": "def f(:\n", "r": "f <- function( {\n"},
        _syntax,
    ),
    Case("a folder without a job is not understood", ECHO, _understood_nothing, spoil=_no_spec),
    Case("half a job.json is not understood", ECHO, _understood_nothing, spoil=_spoil_json),
    Case("another protocol is not understood", ECHO, _understood_nothing, spoil=_spoil_protocol),
]


IN_JOB = [
    Case(
        "the in-job API reports",
        {
            "python": (
                "import landbridge as lb\n\n\ndef f():\n"
                "    lb.log_metric('loss', 0.5, step=1)\n    lb.log_metric('loss', float('nan'), step=2)\n"
                "    lb.log_metric('score', 3)\n    lb.log_param('depth', 6)\n    lb.log_param('kind', 'tree')\n"
                "    lb.set_tag('stage', 'trial')\n    lb.progress(1, 2, 'half')\n"
                "    lb.save_value('kept', [1.5, 2.5])\n"
                "    open('notes.txt', 'w').write('notes')\n    lb.save_file('notes.txt')\n"
                "    return lb.context()['job']\n"
            ),
            "r": (
                "f <- function() {\n  library(landbridge)\n"
                "  log_metric('loss', 0.5, step = 1)\n  log_metric('loss', NaN, step = 2)\n"
                "  log_metric('score', 3)\n  log_param('depth', 6)\n  log_param('kind', 'tree')\n"
                "  set_tag('stage', 'trial')\n  progress(1, 2, 'half')\n"
                "  save_value('kept', c(1.5, 2.5))\n"
                "  writeLines('notes', 'notes.txt')\n  save_file('notes.txt')\n  context()$job\n}\n"
            ),
        },
        _reported,
    ),
]

CASES = [*RUNNING, *ERRORS, *IN_JOB]
