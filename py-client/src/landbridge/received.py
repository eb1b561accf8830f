"""What Python shows otherwise than the language that a frame comes from."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from landbridge.columns import COMPLEX, read_table
from landbridge.fidelity import Verdict
from landbridge.geometry_columns import is_geometry_tag, judged_geometry
from landbridge.hints import with_hint
from landbridge.kinds import Json
from landbridge.objects import OURS, Source

# R's classes for which a column of pandas has all there is to know.
_KNOWN = {
    "factor",
    "ordered",
    "Date",
    "POSIXct",
    "POSIXt",
    "difftime",
    "hms",
    "integer64",
    "blob",
    "vctrs_list_of",
    "vctrs_vctr",
    "list",
    "data.frame",
    "tbl_df",
    "tbl",
    "data.table",
}
_FINER = {
    "date": "its days have fractions, so they are numbers of days since 1970",
    "datetime": "its times are finer than nanoseconds, so they are seconds since 1970",
    "duration": "its durations are finer than microseconds, so they are numbers in their own unit",
    "time": "its times are finer than microseconds, so they are numbers of seconds",
}
# Python's dates end there.
_FIRST_DAY, _LAST_DAY = -719162, 2932896


def received(node: Json, source: Source) -> list[Json]:
    """The columns of a frame node that Python cannot show as they were: ``name``, ``verdict`` and ``reason`` of each.

    Of frames that Python made itself these are only geometries.
    """
    if node["descriptor"].get("class") in OURS and not _has_geometries(node):
        return []
    table, descriptor = with_hint(read_table(source.path(node["object"]), node), node["descriptor"])
    tags = node["descriptor"].get("columns") or {}
    names = [] if node["descriptor"].get("class") in OURS else descriptor.get("foreign", table.column_names)
    judge = shown if source.wanted in (None, "pandas") else _kept_for_r
    verdicts = {name: judge(table.column(name), (tags.get(name) or {}).get("tag") or {}) for name in names}
    for name in table.column_names:
        # Whoever made them: not every Python has geometries.
        tag = (tags.get(name) or {}).get("tag") or {}
        if is_geometry_tag(tag, table.schema.field(name).type):
            verdicts[name] = judged_geometry(tag, source.wanted)
    return [{"name": name, **verdict.entry()} for name, verdict in verdicts.items() if verdict]


def _has_geometries(node: Json) -> bool:
    tags = [(entry or {}).get("tag") or {} for entry in (node["descriptor"].get("columns") or {}).values()]
    return any(tag.get("type") == "geometry" for tag in tags)


def shown(column: pa.ChunkedArray, tag: Json) -> Verdict | None:
    """What pandas does not show of a column of R; None when that is nothing."""
    kind = column.type
    if kind == COMPLEX and column.null_count:
        return Verdict("equal", "its missing numbers are NaN, for complex numbers have no other missing value")
    if pa.types.is_date32(kind) and beyond_dates(column):
        return Verdict("equal", "its dates are outside the years 1 to 9999, so the column stays an Arrow one")
    if pa.types.is_fixed_size_list(kind) and _mixes_missing(column):
        return Verdict("lossy", "its missing numbers become NaN, beside those that were NaN before")
    return _kept_for_r(column, tag)


def _kept_for_r(column: pa.ChunkedArray, tag: Json) -> Verdict | None:
    """What no library of Python shows of a column of R; None when that is nothing."""
    if pa.types.is_floating(column.type) and tag.get("type") in _FINER:
        return Verdict("equal", _FINER[tag["type"]])
    if tag.get("na_level"):
        return Verdict("equal", f"its level NA is the category `{tag['na_level']}`")
    if tag.get("names"):
        return Verdict("equal", "the names of its elements are kept for R only")
    classes = tag.get("class") or (tag.get("element") or {}).get("class") or []
    unknown = [one for one in ([classes] if isinstance(classes, str) else classes) if one not in _KNOWN]
    return Verdict("equal", f"its class `{unknown[0]}` is kept for R only") if unknown else None


def has_missing_numbers(column: pa.ChunkedArray) -> bool:
    """Has a column of lists elements that are missing, which are numbers or truth values?"""
    elements = pc.list_flatten(column)
    plain = pa.types.is_floating(elements.type) or pa.types.is_integer(elements.type)
    return bool((plain or pa.types.is_boolean(elements.type)) and elements.null_count)


def _mixes_missing(column: pa.ChunkedArray) -> bool:
    elements = pc.list_flatten(column)
    if not pa.types.is_floating(elements.type) or not elements.null_count:
        return False
    return bool(pc.any(pc.is_nan(elements)).as_py())


def beyond_dates(column: Any) -> bool:
    """Has a column of dates any that ``datetime.date`` cannot be?"""
    extremes = pc.min_max(column.cast(pa.int32())).as_py()
    return extremes["min"] is not None and (extremes["min"] < _FIRST_DAY or extremes["max"] > _LAST_DAY)
