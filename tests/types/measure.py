"""Sends every column kind in every direction through the real workers and says what became of it."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.conformance.harness import Node, Outcome
from tests.types.forks import HERE, Forks

NAMES = {"r": "R", "python": "Py"}
HOMES = tuple(NAMES)
REFUSED = {"landbridge_value_cannot_cross", "landbridge.errors.ValueCannotCross"}


@dataclass(frozen=True)
class Cell:
    """What became of a kind in one direction: exact, equal, lossy, handle, refused, SILENT or broken, and why."""

    verdict: str
    why: tuple[str, ...] = ()


Row = dict[str, Cell]
Matrix = dict[str, dict[str, Row]]
Told = list[tuple[str, str]]


def directions(home: str) -> list[str]:
    """The three directions in which a kind of a language goes."""
    here, there = (NAMES[one] for one in (home, other(home)))
    return [f"{here} → {here}", f"{here} → {there}", f"{here} → {there} → {here}"]


def other(home: str) -> str:
    return "python" if home == "r" else "r"


def measured(only: str | None = None) -> Matrix:
    """Home language -> kind -> direction -> cell; `only` is a pattern for the kinds' names."""
    with tempfile.TemporaryDirectory(prefix="landbridge-types-") as folder, ThreadPoolExecutor(len(HOMES)) as pool:
        made = {home: pool.submit(_of_home, home, Path(folder) / home, only) for home in HOMES}
        return {home: future.result() for home, future in made.items()}


def _of_home(home: str, root: Path, only: str | None) -> dict[str, Row]:
    with ExitStack() as stack:
        forks = {}
        for language in HOMES:
            folder = root / language
            folder.mkdir(parents=True)
            forks[language] = stack.enter_context(Forks(language, folder))
        names = answer(forks[home].run(program(home, "names")))
        chosen = [name for name in names if only is None or re.search(only, name)]
        return {name: Journey(home, name, forks).row() for name in chosen}


def program(language: str, step: str, kind: str = "") -> str:
    """The source of a job: the kinds, the judge, and `f`."""
    ending = {"r": "R", "python": "py"}[language]
    parts = [(HERE / f"{name}.{ending}").read_text() for name in SOURCES[language]]
    return "\n".join([*parts, STEPS[language][step].replace("<kind>", json.dumps(kind))])


SOURCES = {"r": ["kinds", "judge"], "python": ["kinds", "judge"]}
STEPS = {
    "r": {
        "names": "f <- function() json(as.list(names(kinds)))",
        "make": "f <- function() kinds[[<kind>]]()",
        "echo": "f <- function(x) x",
        "judge": "f <- function(x) json(judge(<kind>, x))",
        "describe": "f <- function(x) json(described(x))",
    },
    "python": {
        "names": "import json\ndef f():\n    return json.dumps(list(KINDS))\n",
        "make": "def f():\n    return KINDS[<kind>]()\n",
        "echo": "def f(x):\n    return x\n",
        "judge": "import json\ndef f(x):\n    return json.dumps(judge(<kind>, x, KINDS))\n",
        "describe": "import json\ndef f(x):\n    return json.dumps(described(x))\n",
    },
}


def answer(outcome: Outcome) -> Any:
    """What a judge wrote."""
    return json.loads(outcome.result["value"])


class Journey:
    """One kind, from its home language to everywhere."""

    def __init__(self, home: str, kind: str, forks: dict[str, Forks]) -> None:
        self._home = home
        self._kind = kind
        self._forks = forks

    def row(self) -> Row:
        here, there = self._home, other(self._home)
        made = self._run(here, "make")
        stopped = _stopped(made)
        if stopped:
            return dict.fromkeys(directions(here), stopped)
        judged = self._run(here, "judge", made)
        described = self._run(there, "describe", made)
        sent = answer(judged) if judged.has_result else None
        cells = [
            _returned(judged, list(_told([made, judged]))),
            _arrived([made, described], sent),
            self._round_trip(made, there),
        ]
        return dict(zip(directions(here), cells, strict=True))

    def _round_trip(self, made: Outcome, there: str) -> Cell:
        echoed = self._run(there, "echo", made)
        stopped = _stopped(echoed)
        if stopped:
            return stopped
        judged = self._run(self._home, "judge", echoed)
        # That the other language shows the values in another type is no word about what comes back.
        lost = [one for one in _told([made]) if one[0] == "lossy"]
        return _returned(judged, [*lost, *_told([echoed, judged])])

    def _run(self, language: str, step: str, given: Outcome | None = None) -> Outcome:
        text = program(language, step, self._kind)
        return self._forks[language].run(text, *([(given, given.result)] if given else []))


def _stopped(outcome: Outcome) -> Cell | None:
    """The cell of a journey that ends here, without a result."""
    if outcome.has_result:
        return None
    error = outcome.error_or_none()
    if error is None:
        return Cell("broken", (f"the process ended: {outcome.log('stderr')[-200:]}",))
    verdict = "refused" if REFUSED & {error["type"], *error["classes"]} else "broken"
    return Cell(verdict, (error["message"],))


def _returned(judged: Outcome, told: Told) -> Cell:
    """A kind that was compared with itself at home, on a journey that told of some verdicts."""
    stopped = _stopped(judged)
    if stopped:
        return stopped
    found = answer(judged)
    if found["identical"]:
        return Cell("exact")
    return _changed(told, found["difference"], agree(found["texts"], found["came"]))


def _arrived(steps: list[Outcome], sent: Node | None) -> Cell:
    """A kind in the other language, whose cells are compared as text."""
    stopped = _stopped(steps[-1])
    if stopped:
        return stopped
    there = answer(steps[-1])
    if there["type"] == "handle":
        return Cell("handle")
    texts = sent["texts"] if sent else there["texts"]
    # What of an index is no row names in R arrives as further columns.
    there["texts"] = there["texts"][: len(texts)]
    told = list(_told(steps))
    if agree(texts, there["texts"]) and not told:
        return Cell("exact", (there["type"],))
    change = "" if agree(texts, there["texts"]) else f": {_first_change(texts, there['texts'])}"
    return _changed(told, f"it is `{there['type']}`{change}")


def _changed(told: Told, difference: str, agreed: bool = True) -> Cell:
    """The cell of what is not the same, by the verdicts that were told; equal values must be `agreed` to be so."""
    reasons = tuple(dict.fromkeys(reason for _, reason in told))
    if any(verdict == "lossy" for verdict, _ in told):
        return Cell("lossy", (*reasons, f"measured: {difference}"))
    if told and agreed:
        return Cell("equal", (*reasons, f"measured: {difference}"))
    return Cell("SILENT", (difference, *(f"told only: {reason}" for reason in reasons)))


def _told(steps: list[Outcome]) -> Iterator[tuple[str, str]]:
    """Verdict and reason of every column that is not exact, from the results' nodes and the jobs' events."""
    for step in steps:
        if step.has_result:
            yield from _in_node(step.result)
        for event in step.told("fidelity"):
            for column in event["columns"]:
                yield column["verdict"], column["reason"]


def _in_node(node: Node) -> Iterator[tuple[str, str]]:
    for column in node.get("columns", []):
        if column.get("verdict", "exact") != "exact":
            yield column["verdict"], column["reason"]
    for _, part in node.get("items", []):
        yield from _in_node(part)


def agree(sent: Any, came: Any) -> bool:
    """Whether cells are the same; numpy's NaN may arrive as NaN or as missing."""
    if isinstance(sent, list):
        return isinstance(came, list) and len(sent) == len(came) and all(map(agree, sent, came))
    return bool(sent == came or ("NaN|NA" in {sent, came} and {sent, came} <= {"NaN|NA", "NaN", "NA"}))


def _first_change(sent: list[list[str]], came: list[list[str]]) -> str:
    for one, two in zip(sent, came, strict=False):
        for row, (before, after) in enumerate(zip(one, two, strict=False), 1):
            if not agree(before, after):
                return f"row {row} is {after}, was {before}"
    return f"{[len(one) for one in came]} cells, were {[len(one) for one in sent]}"
