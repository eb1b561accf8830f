"""Objects of Python that another language's client holds (reticulate in an R session) are encoded here, by Python
itself: reticulate's own conversion of tables is not used."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from landbridge.capture import capture
from landbridge.errors import LandbridgeError
from landbridge.kinds import Json
from landbridge.objects import FolderSink
from landbridge.values import encode


def hand_over(x: Any, folder: str, name: str = "value", kind: str = "value") -> str:
    """A value, or a function with what it uses (``kind`` "function"), as JSON and files for another process.

    Gives ``{"node": ...}``, whose files lie in ``folder`` as "new:<file>", or an ``error`` of code, message and hint.
    """
    sink = FolderSink(Path(folder))
    try:
        node: Json = capture(x, sink) if kind == "function" else encode(x, sink, name)
    except LandbridgeError as error:
        return json.dumps({"error": {"code": error.code, "message": error.message, "hint": error.hint}})
    return json.dumps({"node": node})
