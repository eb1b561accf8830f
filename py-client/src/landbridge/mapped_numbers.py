"""Large columns of plain numbers as numpy sees them where they are mapped: nothing is copied until it is written to.

pandas' own way from Arrow either copies such columns, or makes arrays that cannot be written to, on which ``df.loc[...]
= ...`` fails. Here the mapping is private to the process: what is written changes its own pages and never the file.
"""

from __future__ import annotations

import mmap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

_LEAST = 1024**2  # bytes below which a copy costs nothing
_MOST = 90  # columns: pandas warns of frames that are made of more than a hundred pieces


def private_map(path: Path) -> pa.Buffer:
    """The bytes of a file, in pages that become the process's own when they are written to."""
    with path.open("rb") as file:
        return pa.py_buffer(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY))


def mapped_numbers(table: pa.Table, dtypes: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The table's large columns of plain numbers by name, as arrays that may be written to.

    ``dtypes`` are those that columns must have; one that has another is left to pandas.
    """
    found: dict[str, Any] = {}
    for name, column in zip(table.column_names, table.columns, strict=True):
        view = _view(column)
        if view is not None and (dtypes is None or dtypes.get(name) == str(view.dtype)):
            found[name] = view
    return found if len(found) <= _MOST else {}


def _view(column: pa.ChunkedArray) -> Any:
    plain = pa.types.is_integer(column.type) or pa.types.is_float32(column.type) or pa.types.is_float64(column.type)
    if not plain or column.num_chunks != 1 or column.null_count or column.nbytes < _LEAST:
        return None
    import numpy as np

    array = column.chunk(0)
    part = mapped = array.buffers()[1]
    while mapped.parent is not None:
        mapped = mapped.parent
    if not mapped.is_mutable:
        return None
    dtype = np.dtype(column.type.to_pandas_dtype())
    place = part.address - mapped.address + array.offset * dtype.itemsize
    return np.frombuffer(mapped, dtype, len(array), place)
