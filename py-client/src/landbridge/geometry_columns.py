"""Geometries: a column of geopandas crosses as WKB, and its tag has what WKB has no place for.

Without geopandas the column is one of bytes, and its tag goes back with it.
"""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from landbridge.errors import ValueCannotCross
from landbridge.fidelity import Verdict, refuse
from landbridge.geometry_bytes import NO_WKB, broken
from landbridge.kinds import Json
from landbridge.object_columns import column_path
from landbridge.series import installed

KEPT = Verdict("equal", "its geometries are WKB, for geopandas is not installed")
KEPT_AS_BYTES = Verdict("equal", "its geometries are WKB, for only frames of pandas have others")
# Larger ones would not fit into a preview.
_SHOWN_BYTES = 2000
_AGAIN = "Write the column anew, or send it as plain bytes."


class BadGeometry(Exception):
    """WKB in a column, at a row counted from 1, that cannot be read."""

    def __init__(self, column: str, row: int, reason: str) -> None:
        super().__init__(column, row, reason)
        self.column, self.row, self.reason = column, row, reason

    def refusal(self, value: str) -> ValueCannotCross:
        """What is told of it, where ``value`` is how the job calls the frame."""
        reason = f"its geometries cannot be read: {self.reason}"
        return refuse(column_path(value, self.column), self.column, self.row, reason, _AGAIN)


def is_geometry(values: Any) -> bool:
    """Is it a Series of geopandas' geometries?"""
    return str(values.dtype) == "geometry" and type(values.dtype).__module__.partition(".")[0] == "geopandas"


def is_geometry_tag(tag: Any, kind: pa.DataType) -> bool:
    """Does the tag say that a column of this type is WKB?"""
    binary = pa.types.is_binary(kind) or pa.types.is_large_binary(kind)
    return bool(binary and isinstance(tag, dict) and tag.get("type") == "geometry")


def column_of_geometries(values: Any, origin: Json | None) -> tuple[pa.Array, Json, Verdict | None]:
    """The WKB, the tag and the verdict of a Series of geometries; ``origin`` is the tag that the column came with."""
    import shapely

    cells = values.to_numpy(dtype=object)
    tag: Json = {"type": "geometry"} | {name: (origin or {})[name] for name in _KEPT if name in (origin or {})}
    crs, verdict = _crs_tag(values.array.crs, (origin or {}).get("crs"))
    if crs is not None:
        tag["crs"] = crs
    if shapely.is_missing(cells).any() and not shapely.is_empty(cells).any():
        # R has no missing geometries but empty ones: on the way back these are missing again.
        tag["empty"] = False
    if verdict is None and (shapely.get_type_id(cells) == shapely.GeometryType.LINEARRING).any():
        verdict = Verdict("equal", "its linear rings become the line strings of the same points")
    return pa.array(list(shapely.to_wkb(cells)), pa.binary()), tag, verdict


# What only R knows of its column; whether it still holds, R finds out.
_KEPT = ("of", "precision", "null", "classes", "attributes", "names")


def _crs_tag(crs: Any, origin: Any) -> tuple[Json | None, Verdict | None]:
    """The CRS in the words that it came in, unless it is another now."""
    known = crs_of_tag(origin)
    if origin and known == crs:
        return origin, None
    if crs is None:
        return None, None
    try:
        return {"input": crs.to_string(), "wkt": crs.to_wkt()}, None
    except Exception as problem:  # noqa: BLE001 - whatever of pyproj's errors: it is told, and the geometries go
        return None, Verdict("lossy", f"its CRS has no WKT ({str(problem).splitlines()[0].rstrip('.')})")


def crs_of_tag(told: Any) -> Any:
    """pyproj's CRS for a tag's; None where it has none, or none that pyproj can read."""
    if not isinstance(told, dict) or not isinstance(told.get("wkt"), str):
        return None
    from pyproj import CRS
    from pyproj.exceptions import CRSError

    try:
        whole = CRS.from_wkt(told["wkt"])
    except CRSError:
        return None
    try:
        # Its name says it shorter, where that means the same.
        short = CRS.from_user_input(told.get("input"))
    except (CRSError, TypeError):
        return whole
    return short if short == whole else whole


def geometries_of(column: pa.ChunkedArray, tag: Json, name: str) -> Any:
    """geopandas' array of a column of WKB; :class:`BadGeometry` with the row of what is none."""
    import numpy as np
    import shapely
    from geopandas.array import GeometryArray

    cells = column.to_pylist()
    problem = broken(cells)
    made = np.empty(len(cells), dtype=object)
    made[:] = cells
    if problem is None:
        try:
            made = shapely.from_wkb(made)
        except shapely.errors.ShapelyError:
            problem = _first_broken(made), NO_WKB
    if problem is not None:
        raise BadGeometry(name, *problem)
    if tag.get("empty") is False:
        made[shapely.is_empty(made)] = None
    return GeometryArray(made, crs=crs_of_tag(tag.get("crs")))


def _first_broken(cells: Any) -> int:
    import shapely

    read = shapely.from_wkb(cells, on_invalid="ignore")
    pairs = enumerate(zip(cells, read, strict=True), 1)
    return next((row for row, (cell, one) in pairs if cell is not None and one is None), 1)


def shown_geometries(table: pa.Table, tags: Json, rows: int) -> pa.Table:
    """The first rows of a table with its columns of WKB as text for people."""
    table = table.slice(0, rows)
    for position, field in enumerate(table.schema):
        if is_geometry_tag((tags.get(field.name) or {}).get("tag"), field.type):
            texts = pa.array([_text(cell) for cell in table.column(position).to_pylist()], pa.string())
            table = table.set_column(position, field.name, texts)
    return table


def _text(cell: bytes | None) -> str | None:
    if cell is None:
        return None
    if not installed("shapely") or len(cell) > _SHOWN_BYTES:
        return f"WKB of {len(cell)} bytes"
    import shapely

    shape = shapely.from_wkb(cell, on_invalid="ignore")
    return f"WKB of {len(cell)} bytes" if shape is None else str(shapely.to_wkt(shape, rounding_precision=6))


def with_own_crs(hinted: Json, own: Any) -> Json:
    """A hint's tag with the CRS that the column has now, for another language may have changed it."""
    if not isinstance(own, dict) or own.get("type") != "geometry" or hinted.get("type") != "geometry":
        return hinted
    before, now = hinted.get("crs") or {}, own.get("crs") or {}
    if now.get("input") is not None and before.get("input") == now["input"]:
        return hinted
    return {name: part for name, part in hinted.items() if name != "crs"} | ({"crs": now} if now else {})


def judged_geometry(tag: Json, wanted: str | None) -> Verdict | None:
    """What a reader with or without geopandas misses of a column of WKB; None when that is nothing."""
    if not installed("geopandas"):
        return KEPT
    if wanted not in (None, "pandas"):
        return KEPT_AS_BYTES
    crs = tag.get("crs")
    if crs and crs_of_tag(crs) is None:
        named = crs.get("input") if isinstance(crs, dict) else None
        return Verdict("lossy", f"its CRS `{named}` is none that pyproj can read")
    return None
