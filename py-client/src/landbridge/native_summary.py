"""What can be told of an object that only Python can open: text, a few facts, and a picture where its class draws one.

Everything here runs the object's own code, which may raise anything: an error gives less summary, never none of the
object. Neither the random streams nor a figure that is open are different afterwards.
"""

from __future__ import annotations

import base64
import io
import json
import math
import random
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from landbridge.kinds import Json
from landbridge.objects import Sink

_TEXT = 500
_MOST_FACTS = 30
_MOST_FACT_BYTES = 4000
_LONGEST_TEXT = 200
_MOST_PICTURE = 1024**2
_WIDTH, _HEIGHT = 800, 500
_PNG = b"\x89PNG\r\n\x1a\n"
_FITTED = ("n_features_in_", "feature_names_in_", "classes_", "n_iter_", "coef_", "intercept_", "feature_importances_")


def summary_of(x: Any, name: str, size: int, sink: Sink) -> Json:
    """The summary of ``x``, whose class is called ``name`` and whose pickle has ``size`` bytes."""
    with _untouched():
        summary: Json = {"text": _text(x, name), "facts": facts_of(x, size)}
        with suppress(Exception):
            data = picture_of(x)
            if data is not None:
                summary["picture"] = sink.put("png", _writer(data))
    return summary


def _writer(data: bytes) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(data)


@contextmanager
def _untouched() -> Iterator[None]:
    numpy_random: Any = sys.modules.get("numpy.random")
    state, numpy_state = random.getstate(), numpy_random.get_state() if numpy_random else None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        random.setstate(state)
        if numpy_random:
            numpy_random.set_state(numpy_state)


def _text(x: Any, name: str) -> str:
    try:
        text = repr(x)
    except Exception as error:  # noqa: BLE001 - a repr is the object's own code
        text = f"<{name} whose repr raised {type(error).__name__}>"
    text = text.encode("utf-8", "backslashreplace").decode()
    return text if len(text) <= _TEXT else text[: _TEXT - 3] + "..."


def facts_of(x: Any, size: int) -> Json:
    """At most 30 facts in at most 4 kB of JSON: scalars, short lists, and parameters by name."""
    found: Json = {"type": type(x).__qualname__, "module": type(x).__module__, "pickle_bytes": size}
    if not isinstance(x, type) and callable(getattr(type(x), "get_params", None)):
        with suppress(Exception):
            given = x.get_params(deep=False)
            found["params"] = {_cut(str(key)): _scalar(given[key]) for key in sorted(given)[:_MOST_FACTS]}
        for name in _FITTED:
            with suppress(Exception):
                found |= _array_facts(name, getattr(x, name))
    else:
        with suppress(Exception):
            found |= {"length": len(x)} if hasattr(type(x), "__len__") else {}
    return _capped(found)


def _array_facts(name: str, value: Any) -> Json:
    shape = getattr(value, "shape", None)
    if not shape:
        return {name: _scalar(value)}
    flat = value.ravel().tolist()
    listed = {name: [_scalar(item) for item in flat]} if len(flat) <= _MOST_FACTS else {}
    return {f"{name}.shape": [int(extent) for extent in shape]} | listed


def _scalar(value: Any) -> Any:
    if type(value).__module__ == "numpy" and hasattr(value, "item"):
        value = value.item()
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else str(value)
    if isinstance(value, int) and abs(value) < 2**53:
        return int(value)
    return _cut(value if isinstance(value, str) else repr(value))


def _cut(text: str) -> str:
    text = text.encode("utf-8", "backslashreplace").decode()
    return text if len(text) <= _LONGEST_TEXT else text[: _LONGEST_TEXT - 3] + "..."


def _capped(facts: Json) -> Json:
    kept: Json = {}
    for name, value in facts.items():
        if len(json.dumps(kept | {name: value}).encode()) <= _MOST_FACT_BYTES and len(kept) < _MOST_FACTS:
            kept[name] = value
    return kept


def picture_of(x: Any) -> bytes | None:
    """A PNG of at most 1 MB that the object draws of itself, or None. Raises what the drawing raises."""
    if isinstance(x, type):
        return None
    package = type(x).__module__.partition(".")[0]
    data: Any = None
    if package == "matplotlib" and hasattr(x, "savefig"):
        data = _matplotlib(x)
    elif package == "altair" and hasattr(x, "save"):
        buffer = io.BytesIO()
        x.save(buffer, format="png")
        data = buffer.getvalue()
    elif callable(getattr(type(x), "_repr_png_", None)):
        data = x._repr_png_()
    data = data[0] if isinstance(data, tuple) else data
    data = base64.b64decode(data) if isinstance(data, str) else data
    return data if isinstance(data, bytes) and data.startswith(_PNG) and len(data) <= _MOST_PICTURE else None


def _matplotlib(figure: Any) -> bytes:
    # The figure's own canvas may belong to a window: this one only draws into memory.
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    buffer, canvas = io.BytesIO(), figure.canvas
    width, height = figure.get_size_inches()
    try:
        FigureCanvasAgg(figure).print_figure(buffer, format="png", dpi=min(_WIDTH / width, _HEIGHT / height))
    finally:
        figure.set_canvas(canvas)
    return buffer.getvalue()
