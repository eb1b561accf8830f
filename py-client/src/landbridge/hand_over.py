"""Objects of Python that another language's client holds (reticulate in an R session) are encoded here, by Python
itself: reticulate's own conversion of tables is not used."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from landbridge.capture import capture
from landbridge.errors import LandbridgeError
from landbridge.kinds import Json
from landbridge.values import encode


class _FolderSink:
    def __init__(self, folder: Path) -> None:
        self._folder, self.written = folder, 0

    def put(self, extension: str, write: Callable[[Path], object]) -> str:
        name = f"{os.urandom(8).hex()}.{extension}"
        write(self._folder / name)
        self.written += (self._folder / name).stat().st_size
        return f"new:{name}"


def hand_over(x: Any, folder: str, name: str = "value", kind: str = "value") -> str:
    """A value, or a function with what it uses (``kind`` "function"), as JSON and files for another process.

    Gives ``{"node": ...}``, whose files lie in ``folder`` as "new:<file>", or an ``error`` of code, message and hint.
    """
    sink = _FolderSink(Path(folder))
    try:
        node: Json = capture(x, sink) if kind == "function" else encode(x, sink, name)
    except LandbridgeError as error:
        return json.dumps({"error": {"code": error.code, "message": error.message, "hint": error.hint}})
    return json.dumps({"node": node})
