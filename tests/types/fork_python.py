"""Runs in the image: reads job folders from standard input and runs the worker on each in a forked child."""

import atexit
import os
import sys
import warnings

import pandas  # noqa: F401 - loaded once, for all children
import polars  # noqa: F401
import pyarrow.compute  # noqa: F401
from landbridge import arrow_types, fidelity, frames, hints, pandas_frames, received, values, worker  # noqa: F401


def run(folder: str) -> int:
    """The worker's exit code for one folder."""
    with warnings.catch_warnings():
        # Python and polars warn of forks in processes with threads; this one has never used its threads.
        warnings.simplefilter("ignore")
        child = os.fork()
    if child == 0:
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        code = worker.main([folder])
        atexit._run_exitfuncs()
        os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


for line in sys.stdin:
    named = line.strip()
    sys.stdout.write(f"ended {named} {run(named)}\n")
    sys.stdout.flush()
