"""A worker that is started before there is a job for it: it does all that is slow the first time, and waits."""

from __future__ import annotations

import gc
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path

GO = "go"
_BREATH = 0.02  # seconds that gateway and client have for the result before this process takes itself apart


def await_job(folder: Path) -> bool:
    """Make ready and wait at the folder's pipe; False when whoever would have sent the job is gone.

    The pipe is opened last: that there is a reader says that the worker is ready.
    """
    _rehearse()
    with (folder / "go").open(encoding="ascii") as pipe:
        return pipe.readline().strip() == GO


def breathe() -> None:
    """Leave the processors to those who wait for the result: ending takes one of them for tens of milliseconds."""
    time.sleep(_BREATH)


def _rehearse() -> None:
    """Encode and decode a small table: libraries are loaded, and nothing of theirs is lazy any more."""
    from landbridge.job_folder import versions
    from landbridge.objects import Crossing, FolderSink, FolderSource
    from landbridge.program import compiled
    from landbridge.values import decode, encode

    compiled("def f():\n    return 1\n", "<rehearsal>", 1)
    with tempfile.TemporaryDirectory() as made:
        place = Path(made)
        for value in _samples():
            node = encode(value, FolderSink(place, Crossing(reader="r")), "sample")
            decode(node, FolderSource(place, place), trust=True)
    versions()
    # What the rehearsal leaves is cleared away now, and not in the middle of the job.
    gc.collect()
    gc.freeze()


def _samples() -> list[object]:
    samples: list[object] = [{"a": [1, 2.5, None], "b": "text"}]
    if find_spec("pandas"):
        import pandas as pd

        when = pd.to_datetime(["2024-01-01", None]).tz_localize("UTC")
        text = pd.Categorical(["a", None])
        samples.append(pd.DataFrame({"n": [1, 2], "x": [0.5, None], "s": ["a", None], "f": text, "t": when}))
        samples.append(sys.modules["numpy"].arange(3))
    return samples
