"""Frames of pandas, polars and pyarrow as Arrow files within the wire profile, and back."""

from __future__ import annotations

import base64
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from landbridge.arrow_files import argument_of
from landbridge.arrow_types import type_of_text
from landbridge.columns import read_table, whole, write_table
from landbridge.errors import ValueCannotCross
from landbridge.fidelity import Verdict, is_text, judge, tell
from landbridge.geometry_columns import BadGeometry, shown_geometries
from landbridge.hints import hint_of, original_schema, typed, with_hint
from landbridge.kinds import Json
from landbridge.missing_tags import lost_tag_columns
from landbridge.object_columns import column_path
from landbridge.objects import OURS, Crossing, Sink, Source
from landbridge.wanted_frames import as_wanted
from landbridge.wire import is_list_view, wire_column

_PREVIEW_ROWS, _PREVIEW_COLUMNS, _PREVIEW_TEXT = 10, 50, 80
_METADATA = b"landbridge"
_CLASSES = {
    ("pandas", "DataFrame"): "pandas",
    ("geopandas", "GeoDataFrame"): "pandas",
    ("polars", "DataFrame"): "polars",
    ("pyarrow", "Table"): "pyarrow",
    ("duckdb", "DuckDBPyRelation"): "pyarrow",
}
_ONLY_POLARS = ("Int128", "UInt128", "Object")


def is_frame(x: object) -> bool:
    """Is ``x`` a DataFrame of pandas, geopandas or polars, an Arrow table or a relation of DuckDB, and no other?"""
    return frame_class(x) is not None


def frame_class(x: object) -> str | None:
    kind = type(x)
    return _CLASSES.get((kind.__module__.partition(".")[0], kind.__name__))


def encode_frame(x: Any, sink: Sink, path: str) -> Json:
    """A frame node; :class:`ValueCannotCross` naming the column that has no type in the wire profile."""
    kind = frame_class(x)
    notes: dict[str, Verdict] = {}
    if kind == "pandas":
        from landbridge.pandas_frames import table_of_pandas

        rows = len(x)
        table, descriptor, notes = table_of_pandas(x, path)
    else:
        whole_table = _arrow_of(x, kind, path)
        rows = whole_table.num_rows
        table, descriptor = _named(whole_table, sink.crossing or Crossing())
        if kind == "polars":
            dtypes = {name: _polars_name(dtype) for name, dtype in zip(x.columns, x.dtypes, strict=True)}
            wired = dict(zip(descriptor["names"], table.column_names, strict=False))
            descriptor["library"] = {
                "polars": {"dtypes": {wired[name]: text for name, text in dtypes.items() if text and name in wired}}
            }
    descriptor = {"class": kind, "row_names": None, "columns": {}, "library": {}} | descriptor | {"rows": rows}
    return _node(table, descriptor, sink, path, notes)


def _arrow_of(x: Any, kind: str | None, path: str) -> pa.Table:
    if kind == "polars":
        return _arrow_of_polars(x, path)
    return x if isinstance(x, pa.Table) else x.to_arrow_table()


def _arrow_of_polars(x: Any, path: str) -> pa.Table:
    for name, dtype in zip(x.columns, x.dtypes, strict=True):
        if type(dtype).__name__ in _ONLY_POLARS or str(dtype) in _ONLY_POLARS:
            reason = f"a column of {dtype} has no Arrow type that both sides know"
            raise ValueCannotCross(column_path(path, name), reason, "Cast it to one that has.", column=name)
    return x.to_arrow(compat_level=sys.modules["polars"].CompatLevel.oldest())


def _named(table: pa.Table, crossing: Crossing) -> tuple[pa.Table, Json]:
    """The table with wire names. What were the row names of the frames that a job was given are row names again."""
    reserved = {node["descriptor"].get("row_names") for node in crossing.given}
    rows = [name for name in table.column_names if reserved == {name}]
    if len(rows) == 1:
        table = table.select([name for name in table.column_names if name != rows[0]] + rows)
    names = table.column_names[: table.num_columns - len(rows)]
    wired = table.rename_columns(wire_names(names) + rows)
    return wired, {"names": names, "row_names": rows[0] if rows else None}


def wire_names(names: Sequence[Any]) -> list[str]:
    """The names themselves when these are distinct non-empty text, else ``c1``, ``c2``, ..."""
    if all(isinstance(name, str) and name for name in names) and len(set(names)) == len(names):
        return list(names)
    return [f"c{position}" for position in range(1, len(names) + 1)]


def wire_table(x: Any) -> pa.Table:
    """A frame as the table of its file, without any metadata; an Arrow table may have names that are no wire names."""
    kind = frame_class(x)
    if kind == "pandas":
        from landbridge.pandas_frames import table_of_pandas

        table = table_of_pandas(x, "table")[0]
    else:
        table = _arrow_of(x, kind, "table")
    columns = [
        wire_column(column, column_path("table", name), name)
        for name, column in zip(table.column_names, table.columns, strict=True)
    ]
    if not columns:
        return table.replace_schema_metadata(None)
    return pa.table(columns, names=table.column_names)


def _node(table: pa.Table, descriptor: Json, sink: Sink, path: str, notes: dict[str, Verdict]) -> Json:
    labels = list(descriptor["names"]) + table.column_names[len(descriptor["names"]) :]
    columns = [
        wire_column(column, column_path(path, label), label)
        for column, label in zip(table.columns, labels, strict=True)
    ]
    crossing = sink.crossing or Crossing()
    columns = [typed(column, name, crossing.given) for column, name in zip(columns, table.column_names, strict=True)]
    if crossing.decimal == "string":
        columns = _decimals_as_text(columns, table.column_names, descriptor["columns"])
    hint = hint_of(table.column_names, crossing.given)
    if hint is not None:
        descriptor["hint"] = hint
    wire = pa.table(columns, names=table.column_names)
    notes = notes | lost_tag_columns(wire, descriptor)
    verdicts = [
        _verdict(column, column_path(path, label), label, notes.get(name), crossing)
        for column, label, name in zip(columns, labels, table.column_names, strict=True)
    ]
    _tell_extensions(table, descriptor["columns"])
    changed = [ours.type != theirs.type for ours, theirs in zip(wire.columns, table.columns, strict=True)]
    if any(changed):
        schema = table.schema.remove_metadata().serialize().to_pybytes()
        descriptor["library"] = descriptor["library"] | {"arrow": {"schema": base64.b64encode(schema).decode()}}
    wire = wire.replace_schema_metadata({_METADATA: json.dumps(descriptor)})
    return {
        "kind": "frame",
        "object": sink.put("arrow", lambda to: write_table(wire, to)),
        "rows": descriptor["rows"],
        "columns": [
            {"name": field.name, "type": str(field.type), **verdict}
            for field, verdict in zip(wire.schema, verdicts, strict=True)
        ],
        "descriptor": descriptor,
        "preview": preview(_for_people(wire, descriptor), descriptor["rows"]),
    }


def _for_people(wire: pa.Table, descriptor: Json) -> pa.Table:
    shown = wire.select(range(len(descriptor["names"])))
    return shown_geometries(shown, descriptor["columns"], _PREVIEW_ROWS)


def _decimals_as_text(columns: list[Any], names: list[str], tags: Json) -> list[Any]:
    """Every digit crosses; the tag has the type that the text is read back to."""
    made = []
    for column, name in zip(columns, names, strict=True):
        if pa.types.is_decimal(column.type):
            tags.setdefault(name, {}).setdefault("tag", {})["decimal"] = str(column.type)
            column = column.cast(pa.string())
        made.append(column)
    return made


def _decimals_again(table: pa.Table, descriptor: Json) -> pa.Table:
    for name, entry in (descriptor.get("columns") or {}).items():
        kind = type_of_text(str(((entry or {}).get("tag") or {}).get("decimal")))
        if kind is None or name not in table.column_names or not is_text(table.schema.field(name).type):
            continue
        try:
            column = table.column(name).cast(kind)
        except pa.ArrowInvalid:
            # It has other text now.
            continue
        table = table.set_column(table.column_names.index(name), name, column)
    return table


def _tell_extensions(table: pa.Table, tags: Json) -> None:
    """Only storage crosses of Arrow's extension types: readers of another language say so in their record."""
    for field in table.schema:
        if isinstance(field.type, pa.BaseExtensionType):
            tag = tags.setdefault(field.name, {}).setdefault("tag", {})
            tag["extension"] = field.type.extension_name


def _verdict(column: pa.ChunkedArray, path: str, label: str, note: Verdict | None, crossing: Crossing) -> Json:
    found = judge(column, path, label, crossing)
    worst = note if found is None or (note is not None and note.verdict == "lossy") else found
    tell(worst, path, label, crossing)
    return {"verdict": "exact"} if worst is None else worst.entry()


def preview(table: pa.Table, rows: int) -> list[list[str | None]]:
    """The first rows as text for people, None for missing."""
    head = table.slice(0, _PREVIEW_ROWS).select(range(min(_PREVIEW_COLUMNS, table.num_columns)))
    cells = [[_cell(value) for value in _shown(column)] for column in head.columns]
    if not cells:
        return [[] for _ in range(min(rows, _PREVIEW_ROWS))]
    return [list(row) for row in zip(*cells, strict=True)]


def _shown(column: pa.ChunkedArray) -> list[Any]:
    if pa.types.is_date32(column.type):
        # Text by Arrow itself: Python's dates end with the year 9999.
        dates: list[Any] = column.cast(pa.string()).to_pylist()
        return dates
    if pa.types.is_timestamp(column.type) or pa.types.is_duration(column.type):
        # Text by Arrow itself: Python's own types have no nanoseconds.
        zone = getattr(column.type, "tz", None)
        plain = column.cast(pa.timestamp(column.type.unit)) if zone else column
        if pa.types.is_timestamp(column.type):
            texts = plain.cast(pa.string()).to_pylist()
            return [text and f"{text.removesuffix('.000000')}{'Z' if zone else ''}" for text in texts]
        column = column.cast(pa.duration("us"), safe=False)
    values: list[Any] = column.to_pylist()
    return values


def _cell(value: Any) -> str | None:
    if value is None:
        return None
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return text if len(text) <= _PREVIEW_TEXT else text[: _PREVIEW_TEXT - 3] + "..."


def decode_frame(node: Json, source: Source) -> Any:
    """The frame in the class it was; one of R as pandas. A pyarrow table where that library is missing.

    ``FileNotFoundError`` when the source has no such object.
    """
    from landbridge.series import installed

    path = source.path(node["object"])
    table, descriptor = with_hint(read_table(path, node), {"rows": node["rows"]} | node["descriptor"])
    table = _decimals_again(table, descriptor)
    kind = descriptor.get("class")
    if source.wanted is not None and source.wanted != kind:
        if source.wanted != "pandas":
            return as_wanted(source.wanted, _restored(table, descriptor), descriptor)
        kind = "pandas"
    ours = kind in OURS
    if kind == "polars" and installed("polars"):
        return _polars_frame(_restored(table, descriptor), descriptor)
    if kind != "pyarrow" and (kind == "pandas" or not ours) and installed("pandas"):
        return _pandas_frame(table, descriptor, path)
    return renamed(_restored(table, descriptor), descriptor).replace_schema_metadata(None)


def _pandas_frame(table: pa.Table, descriptor: Json, path: Path) -> Any:
    from landbridge.pandas_frames import pandas_of_r, pandas_of_table

    try:
        if descriptor.get("class") in OURS:
            return pandas_of_table(_restored(table, descriptor), descriptor)
        return pandas_of_r(table, descriptor)
    except BadGeometry as bad:
        raise bad.refusal(argument_of(path)) from None


def _restored(table: pa.Table, descriptor: Json) -> pa.Table:
    """Columns in the sender's Arrow types, where these differed from those of the wire."""
    types = original_schema(descriptor.get("library"))
    foreign = descriptor.get("foreign") or ()
    columns = [
        _restore(column, types[name]) if name in types and name not in foreign else column
        for name, column in zip(table.column_names, table.columns, strict=True)
    ]
    return pa.table(columns, names=table.column_names) if types else table


def _restore(column: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray:
    if column.type == kind:
        return column
    try:
        if isinstance(kind, pa.BaseExtensionType):
            return pa.chunked_array([pa.ExtensionArray.from_storage(kind, whole(column.cast(kind.storage_type)))])
        if pa.types.is_dictionary(kind):
            array = whole(column)
            labels = array.dictionary.cast(kind.value_type)
            made = pa.DictionaryArray.from_arrays(array.indices.cast(kind.index_type), labels, ordered=kind.ordered)
            return pa.chunked_array([made])
        if pa.types.is_run_end_encoded(kind):
            decoded = whole(column.cast(kind.value_type))
            return pa.chunked_array([pa.compute.run_end_encode(decoded, run_end_type=kind.run_end_type)])
        if is_list_view(kind):
            return pa.chunked_array([_list_view(whole(column), kind)])
        return column.cast(kind)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowKeyError):
        # The hint is a courtesy: the wire's own type has the same values.
        return column


def _list_view(lists: Any, kind: pa.DataType) -> pa.Array:
    offsets = lists.offsets
    sizes = pa.compute.subtract(offsets[1:], offsets[:-1])
    made = pa.LargeListViewArray if pa.types.is_large_list_view(kind) else pa.ListViewArray
    return made.from_arrays(offsets[:-1], sizes, lists.values.cast(kind.value_type), mask=lists.is_null())


def renamed(table: pa.Table, descriptor: Json, with_rows: bool = False) -> pa.Table:
    """The table under its original names, without a reserved column of row names unless it is asked for."""
    rows = descriptor.get("row_names")
    names = descriptor.get("names") or []
    if rows in table.column_names and with_rows:
        names = [*names, rows]
    elif rows in table.column_names:
        table = table.drop_columns([rows])
    if isinstance(names, list) and len(names) == table.num_columns:
        table = table.rename_columns([name if name is not None else "" for name in names])
    return table


def _polars_name(dtype: Any) -> str | None:
    return type(dtype).__name__ if type(dtype).__name__ in ("Enum", "Categorical") else None


def _polars_frame(table: pa.Table, descriptor: Json) -> Any:
    import polars as pl

    names = renamed(table, descriptor).column_names
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        reason = "polars has no two columns of one name"
        raise ValueCannotCross(column_path("result", twice), reason, "Give them names of their own.", column=twice)
    frame = pl.from_arrow(renamed(table, descriptor).replace_schema_metadata(None))
    if not isinstance(frame, pl.DataFrame):
        raise ValueCannotCross("value", "it is no frame of polars")
    dtypes = ((descriptor.get("library") or {}).get("polars") or {}).get("dtypes") or {}
    for position, (name, column) in enumerate(zip(table.column_names, table.columns, strict=True)):
        dtype = dtypes.get(name)
        if dtype == "Enum" and pa.types.is_dictionary(column.type):
            labels = whole(column).dictionary.to_pylist()
            frame = frame.with_columns(frame.to_series(position).cast(pl.String).cast(pl.Enum(labels)))
        elif dtype == "Categorical":
            frame = frame.with_columns(frame.to_series(position).cast(pl.Categorical))
    return frame
