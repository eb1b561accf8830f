"""Hints: what a column was before another language had it, so that a table that goes there and back is what it was."""

from __future__ import annotations

import base64
import copy
from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from landbridge.arrow_types import type_of_text
from landbridge.columns import kind_of, whole
from landbridge.geometry_columns import is_geometry_tag, with_own_crs
from landbridge.kinds import Json
from landbridge.objects import OURS


def hint_of(names: Sequence[str], given: Sequence[Json]) -> Json | None:
    """The hint for a frame with these columns: what the frames that were given say of columns of those names."""
    columns: Json = {}
    for name in names:
        said = [_entry(node, name) for node in given if any(one["name"] == name for one in node["columns"])]
        if said and all(one == said[0] for one in said):
            columns[name] = said[0]
    classes = {node["descriptor"].get("class") for node in given}
    libraries = [node["descriptor"].get("library") or {} for node in given]
    if not given:
        return None
    return {
        "class": classes.pop() if len(classes) == 1 else None,
        "columns": columns,
        "library": libraries[0] if all(one == libraries[0] for one in libraries) else {},
    }


def _entry(node: Json, name: str) -> Json:
    kind = next(one["type"] for one in node["columns"] if one["name"] == name)
    tag = ((node["descriptor"].get("columns") or {}).get(name) or {}).get("tag")
    return {"type": kind, "tag": tag} if tag else {"type": kind}


def with_hint(table: pa.Table, descriptor: Json) -> tuple[pa.Table, Json]:
    """A frame of another language as the frame of Python that its hint tells of; as it is where there is none of ours.

    In the new descriptor ``foreign`` names the columns of which the hint knows nothing.
    """
    hint = descriptor.get("hint") or {}
    if descriptor.get("class") in OURS or hint.get("class") not in OURS:
        return table, descriptor
    library = copy.deepcopy(hint.get("library") or {})
    facts = library.get("pandas") or {}
    table, row_names = _index_name(table, descriptor, hint, facts)
    table = table.rename_columns(_wire_names_of_labels(table, descriptor, list(hint["columns"]), facts))
    cast = {name: cast_back(table.column(name), entry) for name, entry in _known(table, hint).items()}
    done = {name for name, column in cast.items() if column is not None}
    columns = [cast[name] if name in done else table.column(name) for name in table.column_names]
    _keep_facts(facts, done)
    own = {name: (entry or {}).get("tag") for name, entry in (descriptor.get("columns") or {}).items()}
    tags = {
        name: {"tag": with_own_crs(hint["columns"][name]["tag"], own.get(name))}
        for name in done
        if hint["columns"][name].get("tag")
    }
    foreign = [name for name in table.column_names if name not in done]
    kinds = {name: table.schema.field(name).type for name in foreign}
    tags |= {name: {"tag": own[name]} for name in foreign if is_geometry_tag(own.get(name), kinds[name])}
    made = {
        "class": hint["class"],
        "names": _data_names(table, descriptor, row_names, facts),
        "rows": descriptor.get("rows"),
        "row_names": row_names,
        "library": library,
        "columns": tags,
        "foreign": foreign,
    }
    return pa.table(columns, names=table.column_names) if columns else table, made


def _known(table: pa.Table, hint: Json) -> dict[str, Json]:
    return {name: entry for name, entry in hint["columns"].items() if name in table.column_names}


def _index_name(table: pa.Table, descriptor: Json, hint: Json, facts: Json) -> tuple[pa.Table, Any]:
    """R's row names under the name of pandas' index, where the frame had one such index."""
    index = [name for name in (facts.get("metadata") or {}).get("index_columns") or [] if isinstance(name, str)]
    reserved = descriptor.get("row_names")
    if len(index) != 1 or index[0] in table.column_names:
        return table, index[0] if len(index) == 1 else reserved
    if reserved in table.column_names:
        names = [index[0] if name == reserved else name for name in table.column_names]
        return table.rename_columns(names), index[0]
    if not descriptor["rows"] and index[0] in hint["columns"]:
        # R has no row names where it has no rows.
        kind = type_of_text(hint["columns"][index[0]]["type"])
        return table.append_column(index[0], pa.array([], kind)), index[0]
    # Row names that count from one are automatic in R, and have no column.
    tag = (hint["columns"].get(index[0]) or {}).get("tag") or {}
    if tag.get("sequence") and reserved == "automatic":
        numbers = pa.array(range(1, descriptor["rows"] + 1), type_of_text(hint["columns"][index[0]]["type"]))
        return table.append_column(index[0], numbers), index[0]
    return table, reserved


def _wire_names_of_labels(table: pa.Table, descriptor: Json, hinted: list[str], facts: Json) -> list[str]:
    """The columns' wire names as the hint has them, and in ``facts`` the labels that pandas had for these columns."""
    names, labels = list(descriptor.get("names") or []), facts.get("labels")
    if labels is None:
        if len(facts.get("label_names") or []) > 1:
            facts.pop("label_names")
        return list(table.column_names)
    labels = [tuple(label) if isinstance(label, list) else label for label in labels]
    texts = [text_of_label(label) for label in labels]
    if names == texts:
        places: list[int | None] = list(range(len(names)))
    else:
        places = [_place(name, texts, hinted) for name in names]
    facts["labels"] = [name if place is None else labels[place] for name, place in zip(names, places, strict=True)]
    if None in places:
        # Text among numbers: pandas finds the labels' type anew.
        facts.pop("label_dtype", None)
        facts.pop("label_names", None)
    found = list(table.column_names)
    for position, place in enumerate(places[: len(found)]):
        if place is not None and place < len(hinted):
            found[position] = hinted[place]
    return found if len(set(found)) == len(found) else list(table.column_names)


def text_of_label(label: Any) -> str | None:
    """How a label of pandas is called where names are text; None, which is R's NA, stays what it is."""
    return label if label is None or isinstance(label, str) else str(label)


def _place(name: str | None, texts: list[str | None], hinted: list[str]) -> int | None:
    """The position of a column by its label's text, or by its name on the wire where R knew no other."""
    if texts.count(name) == 1:
        return texts.index(name)
    return hinted.index(name) if name in hinted[: len(texts)] else None


def _data_names(table: pa.Table, descriptor: Json, row_names: Any, facts: Json) -> list[str]:
    """The frame's names, and ``facts``' labels, without those of index columns, which R had as ordinary ones."""
    index = (facts.get("metadata") or {}).get("index_columns") or []
    names = list(descriptor.get("names") or [])
    columns = list(table.column_names)
    if len(columns) != len(names):
        columns = [column for column in columns if column != row_names]
    if len(columns) != len(names):
        return names
    kept = [position for position, column in enumerate(columns) if column not in index]
    if facts.get("labels") is not None:
        facts["labels"] = [facts["labels"][position] for position in kept]
    return [names[position] for position in kept]


def _keep_facts(facts: Json, done: set[str]) -> None:
    """pandas' metadata of those columns only that are what they were."""
    metadata = facts.get("metadata")
    if metadata:
        metadata["columns"] = [one for one in metadata["columns"] if one.get("field_name") in done]
        metadata["index_columns"] = [
            one for one in metadata["index_columns"] if not isinstance(one, str) or one in done
        ]


def typed(column: pa.ChunkedArray, name: str, given: Sequence[Json]) -> pa.ChunkedArray:
    """A column without any value to tell its type by, in the type that R had under its name."""
    said = [_entry(node, name)["type"] for node in given if any(one["name"] == name for one in node["columns"])]
    hinted = type_of_text(said[0]) if said and len(set(said)) == 1 else None
    kind = column.type if hinted is None else _filled(column.type, hinted)
    if kind == column.type:
        return column
    try:
        return column.cast(kind)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        empty = column.null_count == len(column)
        return pa.chunked_array([pa.nulls(len(column), kind)]) if empty else column


def _filled(kind: pa.DataType, hinted: pa.DataType) -> pa.DataType:
    """The type with the hint's parts in place of those that are null."""
    types = pa.types
    if types.is_null(kind):
        return hinted
    if types.is_list(kind) and hasattr(hinted, "value_type") and not types.is_dictionary(hinted):
        return pa.list_(_filled(kind.value_type, hinted.value_type))
    if types.is_struct(kind) and types.is_struct(hinted):
        inner = {field.name: field.type for field in hinted}
        return pa.struct([(field.name, _filled(field.type, inner.get(field.name, field.type))) for field in kind])
    return kind


def original_schema(library: Json | None) -> dict[str, pa.DataType]:
    """Types by wire name that the sender's library had, where these differ from those of the wire."""
    text = ((library or {}).get("arrow") or {}).get("schema")
    if not text:
        return {}
    schema = pa.ipc.read_schema(pa.BufferReader(base64.b64decode(text)))
    return {field.name: field.type for field in schema}


def cast_back(column: pa.ChunkedArray, entry: Json) -> pa.ChunkedArray | None:
    """The column in the hint's type; None when that would lose anything, or when the column is of another sort now."""
    kind = type_of_text(str(entry.get("type")))
    if kind is None:
        return None
    if column.type == kind:
        return column
    if pa.types.is_null(kind):
        return pa.chunked_array([pa.nulls(len(column))]) if column.null_count == len(column) else None
    if column.null_count == len(column) and column.type in (pa.bool_(), pa.list_(pa.bool_())):
        # A column without a single value has no type in R.
        return pa.chunked_array([pa.nulls(len(column), kind)])
    try:
        return _cast(column, kind) if _compatible(column, kind) else None
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return None


def _compatible(column: pa.ChunkedArray, kind: pa.DataType) -> bool:
    types, now = pa.types, column.type
    if types.is_nested(now) or types.is_nested(kind):
        nested = types.is_nested(now) and types.is_nested(kind)
        return bool(nested and types.is_struct(now) == types.is_struct(kind))
    if types.is_dictionary(now) and types.is_dictionary(kind):
        return bool(now.ordered == kind.ordered)
    if types.is_timestamp(now) and types.is_timestamp(kind):
        # Without a zone it is a wall clock, which only UTC shows as it was.
        return bool(now.tz is None) == bool(kind.tz is None) or now.tz in ("UTC", None)
    pair = kind_of(now), kind_of(kind)
    if pair == ("float", "int"):
        # What fits into 32 bits would be an integer in R, if it were still the column that went there.
        return bool(pc.any(pc.greater_equal(pc.abs(column), 2.0**31)).as_py())
    crossed = (("float", "decimal"), ("str", "int"), ("duration", "time"), ("int", "bytes"))
    return pair[0] is not None and (pair[0] == pair[1] or pair in crossed)


def _cast(column: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray | None:
    types = pa.types
    if types.is_dictionary(kind):
        array = whole(column)
        labels = array.dictionary.cast(kind.value_type)
        indices = array.indices.cast(kind.index_type)
        return pa.chunked_array([pa.DictionaryArray.from_arrays(indices, labels, ordered=kind.ordered)])
    if types.is_duration(column.type) and types.is_time(kind):
        return column.cast(pa.duration("us")).cast(pa.int64()).cast(kind)
    if types.is_floating(column.type):
        made = column.cast(kind, safe=not types.is_floating(kind))
        back = made.cast(column.type)
        differs = pc.and_(pc.not_equal(back, column), pc.invert(pc.is_nan(column)))
        return None if pc.any(pc.fill_null(differs, False)).as_py() else made
    return column.cast(kind)
