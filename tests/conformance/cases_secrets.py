"""Secrets: read from the job's pipe before user code runs, kept in one file in memory, gone afterwards."""

from __future__ import annotations

from tests.conformance.cases_sweeps import EACH, TABLE, points, results
from tests.conformance.cases_values import OBJECT, frame, scalar
from tests.conformance.harness import Case, Outcome

VALUE = "hunter2 é 'quoted' \"twice\"\nand a second line"
GIVEN = {"secrets": {"db_password": VALUE, "other": "another one"}}
KINDS = {"python": "UnknownSecret", "r": "landbridge_unknown_secret"}


def nowhere_in(outcome: Outcome) -> None:
    for path in (outcome.folder / "out").iterdir():
        assert path.is_dir() or b"hunter2" not in path.read_bytes(), path


def _read(outcome: Outcome) -> None:
    facts = {key: node["value"] for key, node in outcome.result["items"]}
    assert facts == {
        "characters": len(VALUE),
        "first": "h",
        "mode": "400",
        "in_memory": True,
        "files": 1,
        "child_reads_it": True,
        "in_environment": False,
    }
    nowhere_in(outcome)


def _refused(message: str):
    def check(outcome: Outcome) -> None:
        assert outcome.code == 0
        error = outcome.error
        assert any(name.endswith(KINDS[outcome.language]) for name in error["classes"]), error["classes"]
        assert error["message"].splitlines()[0] == message
        assert not outcome.has_result
        nowhere_in(outcome)

    return check


def _lengths(outcome: Outcome) -> None:
    assert results(outcome) == [len(VALUE) + x for x in (1.5, 2.5)]
    nowhere_in(outcome)


def _outputs(outcome: Outcome) -> None:
    assert {key: node["value"] for key, node in outcome.result["items"]} == {"n": len(VALUE)}
    nowhere_in(outcome)


READ = {
    "python": (
        "import os, subprocess\nimport landbridge as lb\n\n\ndef f():\n"
        "    value, place = lb.secret('db_password'), os.environ['LANDBRIDGE_SECRETS']\n"
        "    child = subprocess.run('cat \"$LANDBRIDGE_SECRETS\"', shell=True, capture_output=True, text=True).stdout\n"
        "    return {'characters': len(value), 'first': value[0], 'mode': f'{os.stat(place).st_mode & 0o777:o}',\n"
        "            'in_memory': place.startswith('/dev/shm/'), 'files': len(os.listdir(os.path.dirname(place))),\n"
        "            'child_reads_it': 'hunter' + '2' in child,\n"
        "            'in_environment': any('hunter' + '2' in one for one in os.environ.values())}\n"
    ),
    "r": (
        "f <- function() {\n  value <- landbridge::secret('db_password')\n  place <- Sys.getenv('LANDBRIDGE_SECRETS')\n"
        "  child <- system('cat \"$LANDBRIDGE_SECRETS\"', intern = TRUE)\n  word <- paste0('hunter', 2)\n"
        "  list(characters = nchar(value), first = substr(value, 1, 1), mode = format(file.mode(place)),\n"
        "    in_memory = startsWith(place, '/dev/shm/'), files = length(list.files(dirname(place))),\n"
        "    child_reads_it = any(grepl(word, child)), in_environment = any(grepl(word, Sys.getenv())))\n}\n"
    ),
}
LENGTH = {
    "python": "import landbridge as lb\n\n\ndef f(x, *_):\n    return len(lb.secret('db_password')) + x\n",
    "r": "f <- function(x, ...) nchar(landbridge::secret('db_password')) + x\n",
}
NUMBERS = points(*(scalar("float", value) for value in (1.5, 2.5)))

CASES = [
    Case("a secret is read by name, from a file in memory that child processes find too", READ, _read, given=GIVEN),
    Case(
        "a secret that the task does not name is an error that says how to name it",
        {
            "python": "import landbridge as lb\n\n\ndef f():\n    return lb.secret('third')\n",
            "r": "f <- function() landbridge::secret('third')\n",
        },
        _refused("The job was not given a secret `third`."),
        given=GIVEN,
    ),
    Case(
        "without secrets there are none, and no variable of the environment is looked at",
        {
            "python": (
                "import os\nimport landbridge as lb\n\n\ndef f():\n    os.environ['LANDBRIDGE_SECRET_THIRD'] = 'x'\n"
                "    return lb.secret('third')\n"
            ),
            "r": "f <- function() {\n  Sys.setenv(LANDBRIDGE_SECRET_THIRD = 'x')\n  landbridge::secret('third')\n}\n",
        },
        _refused("The job was not given a secret `third`."),
    ),
    Case(
        "secrets that cannot be had are the job's error",
        LENGTH,
        _refused("There is no key."),
        [(None, scalar("float", 1))],
        given={"problem": "There is no key."},
    ),
    Case(
        "a script has its secrets",
        {
            "python": "import landbridge as lb\nn = len(lb.secret('db_password'))\n",
            "r": "n <- nchar(landbridge::secret('db_password'))\n",
        },
        _outputs,
        function={"type": "script", "outputs": ["n"]},
        given=GIVEN,
    ),
    Case("points of a sweep share its secrets", LENGTH, _lengths, [(None, EACH)], points=NUMBERS, given=GIVEN),
    Case(
        "so do points that run in forks",
        LENGTH,
        _lengths,
        [(None, EACH), (None, frame(TABLE, "data.table"))],
        {f"{OBJECT}.arrow": TABLE},
        points=NUMBERS,
        given=GIVEN,
    ),
]
