"""The peer's end of the line: reads what to do, does it, answers the milliseconds that it took."""

import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd

COLUMNS = 10


def same(value: Any) -> Any:
    return value


def frame(rows: int) -> pd.DataFrame:
    random = np.random.default_rng(1)
    return pd.DataFrame({f"column{number}": random.normal(size=rows) for number in range(COLUMNS)})


def serve(call: Callable[[Any], Any], many: Callable[[Sequence[Any]], Sequence[Any]]) -> None:
    """``call`` gives the result for one value, ``many`` the results for all; both through the peer."""
    answer("ready")
    for line in sys.stdin:
        what, _, number = line.strip().partition(" ")
        try:
            answer(str(done(what, number, call, many)))
        except Exception as error:  # noqa: BLE001 whatever the peer raises is its answer
            sys.stderr.write(f"{error}\n")
            answer(f"! {type(error).__name__}")


def done(what: str, number: str, call: Callable[[Any], Any], many: Callable[[Sequence[Any]], Sequence[Any]]) -> float:
    """Milliseconds that the work took."""
    if what == "many":
        values = list(range(int(number)))
        taken, results = timed(many, values)
        assert list(results) == values
        return taken
    value: Any = frame(int(number)) if what == "frame" else 1
    taken, result = timed(call, value)
    assert result.equals(value) if what == "frame" else result == value
    return taken


def timed(work: Callable[[Any], Any], value: Any) -> tuple[float, Any]:
    start = time.perf_counter()
    result = work(value)
    return 1000 * (time.perf_counter() - start), result


def answer(text: str) -> None:
    sys.stdout.write(f"\n= {text}\n")
    sys.stdout.flush()
