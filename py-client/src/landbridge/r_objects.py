"""Objects of R that rpy2 holds in this process: functions and values of ``%%R`` cells, submitted as they are.

R encodes them itself, by the R package ``landbridge``. rpy2's own conversion of tables, which turns a missing integer
into -2147483648, is not used. rpy2 is not imported here: its objects exist only where it was loaded before.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from landbridge import errors
from landbridge.kinds import Json
from landbridge.objects import Sink

_NEW = "new:"


def is_r_object(x: Any) -> bool:
    return "rpy2" in sys.modules and any(base.__module__.partition(".")[0] == "rpy2" for base in type(x).__mro__)


def is_r_function(x: Any) -> bool:
    return is_r_object(x) and callable(x)


def encode_r(x: Any, sink: Sink, path: str) -> Json:
    """The node of an R value. Raises what R's encoder says, such as :class:`ValueCannotCross`."""
    return _handed_over(x, sink, path, "value")


def capture_r(x: Any, name: str, sink: Sink) -> Json:
    """The source of an R function with its helpers, values and packages."""
    return _handed_over(x, sink, name, "function")


def _handed_over(x: Any, sink: Sink, name: str, kind: str) -> Json:
    with tempfile.TemporaryDirectory(prefix="landbridge-") as made:
        folder = Path(made)
        told = json.loads(_hand_over_in_r(x, folder, name, kind))
        if "error" in told:
            raise _as_error(told["error"])
        node: Json = _taken(told["node"], folder, sink)
        return node


def _hand_over_in_r(x: Any, folder: Path, name: str, kind: str) -> str:
    import rpy2.robjects as ro
    from rpy2.rinterface_lib.embedded import RRuntimeError

    try:
        hand_over = ro.r("landbridge:::hand_over")
    except RRuntimeError:
        raise errors.CodecMissing(
            "R's objects are handed over by the R package `landbridge`, which this R lacks.",
            "Install it: R CMD INSTALL r-client.",
        ) from None
    # A plain converter: whatever conversion the notebook has switched on stays out of this.
    with ro.default_converter.context():
        return str(hand_over(x, str(folder), name, kind)[0])


def _as_error(told: Json) -> errors.LandbridgeError:
    kind = getattr(errors, "".join(part.title() for part in told["code"].split("_")), errors.LandbridgeError)
    made = kind.__new__(kind)
    errors.LandbridgeError.__init__(made, told["message"].partition("\n")[0], told.get("hint"))
    return made  # type: ignore[no-any-return]


def _taken(part: Any, folder: Path, sink: Sink) -> Any:
    """A copy in which every file that R wrote is an object of the sink's."""
    if isinstance(part, list):
        return [_taken(item, folder, sink) for item in part]
    if not isinstance(part, dict):
        return part
    found = {key: _taken(item, folder, sink) for key, item in part.items()}
    reference = found.get("object")
    if isinstance(reference, str) and reference.startswith(_NEW) and "kind" in found:
        source = folder / reference.removeprefix(_NEW)
        found["object"] = sink.put(source.suffix.removeprefix("."), lambda target: shutil.copyfile(source, target))
    return found
