"""How far a long wait is, in one line that is written over: in terminals and notebooks, silent in scripts."""

from __future__ import annotations

import sys
from typing import Self


class ProgressLine:
    """``wanted``: None for where somebody looks on, True or False for always and never."""

    def __init__(self, wanted: bool | None = None) -> None:
        self.shown = _somebody_looks() if wanted is None else wanted
        self._width = 0

    def show(self, text: str) -> None:
        if self.shown:
            sys.stderr.write(f"\r{text.ljust(self._width)}")
            sys.stderr.flush()
            self._width = len(text)

    def clear(self) -> None:
        """Take the line away: what it told is over."""
        if self._width:
            sys.stderr.write(f"\r{' ' * self._width}\r")
            sys.stderr.flush()
            self._width = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._width:
            sys.stderr.write("\n")


def _somebody_looks() -> bool:
    if sys.stderr.isatty():
        return True
    # IPython is loaded already where this is one of its kernels.
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return type(shell).__name__ == "ZMQInteractiveShell"
