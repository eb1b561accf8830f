"""Random frames through the real workers: what comes back is what went, or its column says otherwise.

The frames are the same on every run; ``LANDBRIDGE_SEED`` takes other ones (a number, or ``fresh``), and
``LANDBRIDGE_FRAMES`` more of them. A frame that fails is cut down to its smallest part that still fails and kept: for R
in ``kept_frames.json``, for Python by hypothesis in its folder of examples.
"""

from __future__ import annotations

import json
import os
import random
import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st
from hypothesis.database import DirectoryBasedExampleDatabase
from landbridge.errors import ValueCannotCross

from tests.py_client.random_frames import arrow_tables, pandas_frames, polars_frames
from tests.py_client.test_random_frames import same
from tests.types.forks import HERE, Forks
from tests.types.roads import returned, sent, told

pytestmark = [pytest.mark.docker, pytest.mark.slow]

ASKED = os.environ.get("LANDBRIDGE_SEED", "20130101")
SEED = random.randrange(2**31) if ASKED == "fresh" else int(ASKED)
FRAMES = int(os.environ.get("LANDBRIDGE_FRAMES", "1000"))
BATCH = 25
KEPT = HERE / "kept_frames.json"
GENERATOR = (HERE / "random_frames.R").read_text()
ECHO = {"r": "f <- function(x) x\n", "python": "def f(x):\n    return x\n"}

ALLOW = {"task": {"on_loss": "allow"}}

Part = dict[str, Any]


def test_frames_of_r(forks):
    journey = RJourney(forks)
    kept = json.loads(KEPT.read_text())
    first = SEED % 10**6 * 1000
    parts = [*kept, *({"seed": first + number} for number in range(FRAMES))]
    failed = [failure for start in range(0, len(parts), BATCH) for failure in journey.failures(parts[start:][:BATCH])]
    if failed:
        smallest = journey.shrunk(failed[0]["part"])
        KEPT.write_text(json.dumps([*kept, smallest], indent=1) + "\n")
        pytest.fail(f"{len(failed)} frames changed in silence; the first, cut down: {smallest}\n{failed[0]['why']}")


class RJourney:
    """Random frames of R, to R and to Python and back, judged where they were made."""

    def __init__(self, forks: dict[str, Forks]) -> None:
        self._forks = forks

    def failures(self, parts: list[Part]) -> list[dict[str, Any]]:
        """The parts that came back other than they went without a word, and what differs."""
        frames = ", ".join(_r_call(part) for part in parts)
        made = self._forks["r"].run(f"{GENERATOR}\nf <- function() list({frames})\n", named=ALLOW)
        nodes = [node for _, node in made.result["items"]]
        echoed = [self._forks["python"].run(ECHO["python"], (made, node), named=ALLOW) for node in nodes]
        judge = f"{GENERATOR}\nf <- function(...) Map(differing, list(...), list({frames}))\n"
        at_home = self._forks["r"].run(judge, *[(made, node) for node in nodes])
        back = self._forks["r"].run(judge, *[(outcome, outcome.result) for outcome in echoed])
        failed = []
        for verdicts, steps in ((at_home, nodes), (back, list(zip(nodes, echoed, strict=True)))):
            found = returned(verdicts)
            for part, step, difference in zip(parts, steps, found, strict=True):
                said = told(*(step if isinstance(step, tuple) else (step,)))
                if difference is not None and not _covered(difference, said, step):
                    failed.append({"part": part, "why": f"{difference} but told was only {said}"})
        return failed

    def shrunk(self, part: Part) -> Part:
        """The smallest part of the frame that still fails: one column if one is enough, and as few rows."""
        for candidate in [part | {"columns": [column]} for column in range(1, 6)]:
            if self._fails(candidate):
                part = candidate
                break
        for row in range(1, 7):
            if self._fails(part | {"rows": [row]}):
                return part | {"rows": [row]}
        return part

    def _fails(self, part: Part) -> bool:
        try:
            return bool(self.failures([part]))
        except AssertionError:
            # There is no such column or row.
            return False


def _r_call(part: Part) -> str:
    subset = "".join(f", {name} = c({', '.join(map(str, part[name]))})" for name in ("columns", "rows") if name in part)
    return f"random_frame({part['seed']}{subset})"


def _covered(difference: Part, said: dict[str, str], step: Any) -> bool:
    node = step[0] if isinstance(step, tuple) else step
    names = [column["name"] for column in node["columns"]]
    return not difference.get("rest") and all(names[int(one) - 1] in said for one in _listed(difference["columns"]))


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) or hasattr(value, "tolist") else [value]


@pytest.fixture
def folder(tmp_path) -> Path:
    return tmp_path / "sent"


EXAMPLES = DirectoryBasedExampleDatabase(HERE / "kept_examples")


@seed(SEED)
@settings(
    max_examples=FRAMES,
    deadline=None,
    database=EXAMPLES,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(frame=st.one_of(pandas_frames(), polars_frames(), arrow_tables()))
def test_frames_of_python(frame, forks, folder):
    shutil.rmtree(folder, ignore_errors=True)
    try:
        given_outcome, node = sent(frame, folder, "r")
    except ValueCannotCross as refusal:
        assert refusal.detail["row"] >= 1
        assert refusal.detail["column"]
        return
    echoed = forks["r"].run(ECHO["r"], (given_outcome, node), named=ALLOW)
    said = told(node, echoed)
    came = returned(echoed)
    if not said:
        same(came, frame)
