"""pandas columns of Python objects: one Arrow type for all cells, verified cell by cell, and back."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pyarrow as pa

from landbridge.errors import ValueCannotCross
from landbridge.fidelity import Verdict, refuse
from landbridge.kinds import Json

_MISSING = {"NoneType": "None", "NAType": "NA", "NaTType": "NaT"}
# Arrow gives these back as they are; every other cell is compared.
_FAITHFUL = {str, bytes, bool, int, float}
_APART = "Convert the column to one type, or send it apart from the frame."


def arrow_of_objects(values: Any, path: str, label: str) -> tuple[pa.ChunkedArray, Json, Verdict | None]:
    """The column, its tag, and the verdict of a Series of dtype object.

    Raises :class:`ValueCannotCross` naming the rows and types of mixed cells, sets, and integers beyond 64 bits.
    """
    cells = values.tolist()
    kinds, missing = _kinds(cells)
    if len(kinds) > 1:
        raise _mixed(cells, kinds, path, label)
    kind = next(iter(kinds), None)
    if kind in (set, frozenset):
        row = _row_of(cells, kind)
        raise refuse(path, label, row, "a set has no order, and so no Arrow type", "Make it a sorted list.")
    tag: Json = {"dtype": "object", "cell": kind.__name__ if kind else None, "missing": missing[0] if missing else None}
    dtypes = {str(getattr(cell, "dtype", "")) for cell in cells if type(cell) is kind} if _is_of_numpy(kind) else set()
    if len(dtypes) == 1:
        tag["numpy"] = dtypes.pop()
    column = _column([None if _is_missing(cell, kind) else cell for cell in cells], kind, path, label)
    made = column if isinstance(column, pa.ChunkedArray) else pa.chunked_array([column])
    verdict = Verdict("equal", "its missing values were of several kinds and become one") if len(missing) > 1 else None
    if kind not in _FAITHFUL and kind is not None:
        verdict = _verified(cells, objects_of(made, tag), path, label) or verdict
    return made, tag, verdict


def _kinds(cells: list[Any]) -> tuple[set[type], list[str]]:
    """The types of the cells that are there, and the names of the missing values among them."""
    kinds = set(map(type, cells))
    missing = [name for kind in sorted(kinds, key=str) if (name := _MISSING.get(kind.__name__))]
    kinds = {kind for kind in kinds if kind.__name__ not in _MISSING}
    if float in kinds and (len(kinds) > 1 or all(cell != cell for cell in cells if type(cell) is float)):
        numbers = [cell for cell in cells if type(cell) is float]
        if all(cell != cell for cell in numbers):
            return kinds - {float}, [*missing, "nan"]
    return kinds, missing


def _is_of_numpy(kind: type | None) -> bool:
    """Is it the type of numpy's scalars, rather than of its arrays?"""
    return kind is not None and kind.__module__ == "numpy" and kind.__name__ != "ndarray"


def _is_missing(cell: Any, kind: type | None) -> bool:
    return type(cell).__name__ in _MISSING or (type(cell) is float and kind is not float and cell != cell)


def _row_of(cells: list[Any], kind: type) -> int:
    return next(row for row, cell in enumerate(cells, 1) if type(cell) is kind)


def _mixed(cells: list[Any], kinds: set[type], path: str, label: str) -> ValueCannotCross:
    rows = sorted((_row_of(cells, kind), kind.__name__) for kind in kinds)
    (first, one), (row, other) = rows[:2]
    reason = f"a column of object has no exact Arrow type: it mixes {one} (row {first}) and {other}"
    return refuse(path, label, row, reason, _APART)


def _column(cells: list[Any], kind: type | None, path: str, label: str) -> Any:
    if kind is None:
        return pa.nulls(len(cells))
    if kind is int:
        return _integers(cells, path, label)
    if kind is float:
        return pa.array(cells, pa.float64(), from_pandas=False)
    if kind.__name__ in ("Timestamp", "Timedelta"):
        import pandas as pd

        # Arrow itself would cut these cells to microseconds.
        cells = pd.Series(cells, dtype=object).infer_objects()
    try:
        if kind in (list, tuple) or kind.__name__ == "ndarray":
            return _nested(cells)
        return pa.array(cells, pa.large_string() if kind is str else None, from_pandas=True)
    except UnicodeEncodeError:
        raise refuse(path, label, _broken(cells), "its text is not valid Unicode", "Clean the text first.") from None
    except (pa.ArrowException, TypeError, ValueError, OverflowError) as problem:
        reason = str(problem).splitlines()[0].rstrip(".")
        row = _failing(cells)
        raise refuse(path, label, row, f"a column of object has no exact Arrow type: {reason}", _APART) from None


def _nested(cells: list[Any]) -> pa.Array:
    """NaN inside a cell stays NaN, unless other missing values such as NaT stand there."""
    try:
        return pa.array(cells, from_pandas=False)
    except (pa.ArrowException, TypeError, ValueError):
        return pa.array(cells, from_pandas=True)


def _integers(cells: list[Any], path: str, label: str) -> pa.Array:
    for kind in (pa.int64(), pa.uint64()):
        try:
            return pa.array(cells, kind)
        except (OverflowError, pa.ArrowInvalid):
            continue
    numbers = [(row, cell) for row, cell in enumerate(cells, 1) if cell is not None]
    beyond = [row for row, cell in numbers if not -(2**63) <= cell < 2**64]
    row = (beyond or [row for row, cell in numbers if cell >= 2**63])[0]
    raise refuse(path, label, row, "an integer beyond 64 bits has no Arrow type", "Send the column as text.")


def _broken(cells: list[Any]) -> int:
    for row, cell in enumerate(cells, 1):
        try:
            str(cell or "").encode()
        except UnicodeEncodeError:
            return row
    return 1


def _failing(cells: list[Any]) -> int:
    """The first row at which the cells until then have no common type."""
    low, high = 0, len(cells)
    while low + 1 < high:
        middle = (low + high) // 2
        try:
            pa.array(cells[:middle], from_pandas=True)
            low = middle
        except (pa.ArrowException, TypeError, ValueError, OverflowError):
            high = middle
    return low + 1


def _verified(cells: list[Any], back: list[Any], path: str, label: str) -> Verdict | None:
    worst: Verdict | None = None
    for row, (cell, other) in enumerate(zip(cells, back, strict=True), 1):
        if cell is other or _is_missing(cell, None) or _same(cell, other):
            continue
        if _equal(cell, other):
            worst = worst or Verdict("equal", f"cells such as that of row {row} hold the same values in other types")
        elif isinstance(cell, dict):
            return Verdict("lossy", f"its dicts have different keys, and those missing become None (row {row})")
        else:
            raise refuse(path, label, row, f"its cells of {type(cell).__name__} do not survive in Arrow", _APART)
    return worst


def _same(one: Any, other: Any) -> bool:
    """Of the same types all the way down, and equal."""
    if type(one) is not type(other):
        return False
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(_same, one, other))
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    if hasattr(one, "dtype") and hasattr(one, "tolist"):
        return bool(one.dtype == other.dtype and _same(one.tolist(), other.tolist()))
    if isinstance(one, Decimal) and one.as_tuple() != other.as_tuple():
        return False
    return one is other or bool(one == other) or (one != one and other != other)


def _equal(one: Any, other: Any) -> bool:
    one, other = (x.tolist() if hasattr(x, "tolist") else x for x in (one, other))
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(_equal, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_equal(one[key], other[key]) for key in one)
    if one is None or other is None:
        return one is other or one != one or other != other
    return bool(one == other) or (one != one and other != other)


def objects_of(column: pa.ChunkedArray, tag: Json) -> list[Any]:
    """The cells of a column as :func:`arrow_of_objects` was given them."""
    cell = tag.get("cell")
    if tag.get("numpy"):
        cells = _numpy_scalars(column, tag["numpy"])
    elif cell in ("ndarray", "Timestamp", "Timedelta"):
        cells = list(column.to_pandas().astype(object))
    else:
        cells = column.to_pylist()
    if cell == "tuple":
        cells = [None if one is None else tuple(one) for one in cells]
    if not column.null_count:
        return cells
    missing = _missing_value(tag.get("missing"))
    return [missing if valid is False else one for one, valid in zip(cells, column.is_valid().to_pylist(), strict=True)]


def _numpy_scalars(column: pa.ChunkedArray, dtype: str) -> list[Any]:

    found = iter(column.drop_null().to_numpy().astype(dtype))
    return [next(found) if valid else None for valid in column.is_valid().to_pylist()] if column else []


def _missing_value(name: str | None) -> Any:
    if name == "nan":
        return float("nan")
    if name in ("NA", "NaT"):
        import pandas as pd

        return getattr(pd, name)
    return None


def object_series(column: pa.ChunkedArray, tag: Json) -> Any:
    """A Series of dtype object."""
    import numpy as np
    import pandas as pd

    made = np.empty(len(column), dtype=object)
    # One by one: numpy would take lists of one length for rows of a matrix.
    for position, cell in enumerate(objects_of(column, tag)):
        made[position] = cell
    return pd.Series(made, dtype=object)


def column_path(path: str, label: Any) -> str:
    """How messages call a column."""
    return f"{path}[{json.dumps(label, default=str)}]"
