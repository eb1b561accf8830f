"""What code can change of the process that it runs in, put back behind it."""

from __future__ import annotations

import os
import shutil
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class ProcessState:
    """The working directory and what lies in it, variables of the environment, the command line and the search path
    of modules, as they are now.
    """

    def __init__(self) -> None:
        self._folder = Path.cwd()
        self._variables = dict(_variables())
        self._arguments, self._path = list(sys.argv), list(sys.path)
        self._streams = sys.stdout, sys.stderr

    @contextmanager
    def put_back(self) -> Iterator[None]:
        """Run a block, and leave nothing of what it changed. Its warnings are told as if there were no other block."""
        try:
            with warnings.catch_warnings():
                yield
        finally:
            self._restore()

    def _restore(self) -> None:
        sys.stdout, sys.stderr = self._streams
        sys.argv[:], sys.path[:] = self._arguments, self._path
        self._restore_folder()
        self._restore_variables()

    def _restore_folder(self) -> None:
        try:
            moved = Path.cwd() != self._folder
        except FileNotFoundError:
            moved = True
        if moved:
            self._folder.mkdir(parents=True, exist_ok=True)
            os.chdir(self._folder)
        with os.scandir(self._folder) as left:
            for entry in left:
                if entry.is_dir(follow_symlinks=False):
                    shutil.rmtree(entry.path, ignore_errors=True)
                else:
                    Path(entry.path).unlink()

    def _restore_variables(self) -> None:
        now = _variables()
        if now == self._variables:
            return
        for name in now.keys() | self._variables.keys():
            was = self._variables.get(name)
            if was is None:
                del os.environb[name]
            elif now.get(name) != was:
                os.environb[name] = was


def _variables() -> dict[bytes, bytes]:
    # What os.environ wraps: to ask for each variable by itself costs more than all else that a point does.
    found: dict[bytes, bytes] = vars(os.environ)["_data"]
    return found
