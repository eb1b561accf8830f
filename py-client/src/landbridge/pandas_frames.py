"""pandas frames as Arrow tables and back: labels, index and dtypes included."""

from __future__ import annotations

import json
from typing import Any

import pyarrow as pa

from landbridge.columns import COMPLEX, whole
from landbridge.errors import ValueCannotCross
from landbridge.fidelity import Verdict
from landbridge.frames import renamed, wire_names
from landbridge.geometry_columns import column_of_geometries, is_geometry
from landbridge.geometry_frames import decoded_geometries, geopandas_facts, of_geopandas, with_geometries
from landbridge.hints import text_of_label
from landbridge.kinds import Json
from landbridge.mapped_numbers import mapped_numbers
from landbridge.missing_tags import shown_attributes, shown_column_attributes
from landbridge.object_columns import arrow_of_objects, column_path, object_series
from landbridge.objects import ORIGIN
from landbridge.received import beyond_dates, has_missing_numbers

# Under this key of ``attrs`` a frame from R shows the attributes of its columns.
_COLUMNS = "r_columns"


def table_of_pandas(x: Any, path: str) -> tuple[pa.Table, Json, dict[str, Verdict]]:
    """The table with wire names, index columns last, the descriptor's fields, and verdicts by wire name."""
    import pandas

    labels = x.columns.tolist()
    geopandas = geopandas_facts(x)
    shallow = pandas.DataFrame(x.copy(deep=False)) if type(x) is not pandas.DataFrame else x.copy(deep=False)
    shallow.attrs = dict(x.attrs)
    origin = shallow.attrs.pop(ORIGIN, None) or {}
    if origin.get("attributes"):
        # What is shown of R's attributes; they themselves are in the origin.
        shallow.attrs.pop("r", None)
    if origin.get("shown"):
        shallow.attrs.pop(_COLUMNS, None)
    shallow.columns = wire_names(labels)
    apart, tags, notes = _apart(shallow, labels, path, origin.get("columns") or {})
    for name in set(apart) & set(origin.get("missing_complex", ())):
        apart[name] = _with_missing(apart[name])
    table = _arrow(shallow.drop(columns=list(apart)), labels, shallow, path)
    for name, column in apart.items():
        table = table.add_column(shallow.columns.get_loc(name), name, column)
    table = _with_nan(table, shallow, origin)
    facts = json.loads(table.schema.metadata[b"pandas"])
    pandas_facts = {"metadata": facts, "labels": _labels(labels, path), "label_names": _names(x.columns, path)}
    if x.columns.nlevels == 1:
        pandas_facts["label_dtype"] = str(x.columns.dtype)
    if isinstance(x.index, pandas.RangeIndex) and x.index.name is not None:
        pandas_facts["range"] = [x.index.start, x.index.stop, x.index.step]
    if getattr(x.index, "freqstr", None):
        pandas_facts["frequency"] = x.index.freqstr
    index = [name for name in facts["index_columns"] if isinstance(name, str)]
    row_names = None if index else "automatic"
    if len(index) == 1 and x.index.nlevels == 1:
        row_names = index[0]
    if row_names in index and _counts_from_one(x.index):
        tags[str(row_names)] = {"sequence": True}
    described = {
        "names": [text_of_label(label) for label in labels],
        "columns": {name: {"tag": tag} for name, tag in tags.items()} | _origin_tags(table, origin, tags),
        "row_names": row_names,
        "library": {"pandas": pandas_facts} | ({"geopandas": geopandas} if geopandas else {}),
    } | ({"attributes": origin["attributes"]} if origin.get("attributes") else {})
    return table.replace_schema_metadata(None), described, notes


def _counts_from_one(index: Any) -> bool:
    """R takes such row names for automatic ones."""
    import pandas as pd

    plain = index.nlevels == 1 and index.dtype.kind in "iu" and len(index) > 0
    return bool(plain and index.equals(pd.RangeIndex(1, len(index) + 1)))


def _apart(
    shallow: Any, labels: list[Any], path: str, origin: Json
) -> tuple[dict[str, Any], dict[str, Json], dict[str, Verdict]]:
    """Columns that pandas' own way to Arrow refuses or changes: complex numbers, geometries and Python objects."""
    columns: dict[str, Any] = {}
    tags: dict[str, Json] = {}
    notes: dict[str, Verdict] = {}
    for label, name in zip(labels, shallow.columns, strict=True):
        values = shallow[name]
        if str(values.dtype).startswith("Sparse"):
            raise ValueCannotCross(
                column_path(path, label),
                f"a column of {values.dtype} is sparse",
                "Make it dense with `.sparse.to_dense()`, or send the frame as a native object.",
                column=str(label),
            )
        if getattr(values.dtype, "kind", "") == "c" and hasattr(values.dtype, "itemsize"):
            columns[name], tags[name] = _complex_column(values), {"library": "complex", "dtype": str(values.dtype)}
        elif is_geometry(values):
            columns[name], tags[name], note = column_of_geometries(values, (origin.get(name) or {}).get("tag"))
            notes |= {name: note} if note else {}
        elif _is_foreign_to_pandas(values.dtype):
            columns[name], tags[name] = pa.chunked_array(values.array.__arrow_array__()), {"library": "arrow"}
        elif str(values.dtype) == "string" and values.dtype.storage == "python":
            columns[name], tags[name] = pa.array(values, pa.large_string()), {"library": "string[python]"}
        elif str(values.dtype) == "object":
            columns[name], tags[name], note = arrow_of_objects(values, column_path(path, label), str(label))
            notes |= {name: note} if note else {}
    return columns, tags, notes


def _is_foreign_to_pandas(dtype: Any) -> bool:
    """Is it a dtype of Arrow's whose name pandas cannot read, so that its own metadata would not bring it back?"""
    import pandas as pd

    if not isinstance(dtype, pd.ArrowDtype):
        return False
    try:
        pd.api.types.pandas_dtype(str(dtype))
    except (TypeError, NotImplementedError, ValueError):
        return True
    return False


def _with_missing(column: pa.Array) -> pa.Array:
    """R's missing complex numbers again, which pandas had as NaN."""
    if column.type != COMPLEX:
        return column
    real, imaginary = column.flatten()
    missing = pa.compute.and_(pa.compute.is_nan(real), pa.compute.is_nan(imaginary))
    return pa.StructArray.from_arrays([real, imaginary], ["re", "im"], mask=missing)


def _complex_column(values: Any) -> pa.Array:
    wide = values.to_numpy("complex128")
    return pa.StructArray.from_arrays([pa.array(wide.real.copy()), pa.array(wide.imag.copy())], ["re", "im"])


def _arrow(plain: Any, labels: list[Any], shallow: Any, path: str) -> pa.Table:
    try:
        # pandas keeps a run of numbers as a range, without a column; one that has a name is data, and R must see it.
        return pa.Table.from_pandas(plain, preserve_index=True if plain.index.name is not None else None)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, TypeError, ValueError) as error:
        for label, name in zip(labels, shallow.columns, strict=True):
            try:
                pa.Array.from_pandas(shallow[name]) if name in plain else None
            except (pa.ArrowException, TypeError, ValueError) as problem:
                reason = str(problem).splitlines()[0].rstrip(".")
                raise ValueCannotCross(
                    column_path(path, label),
                    f"a column of {plain[name].dtype} has no exact Arrow type ({reason})",
                    "Convert the column to one type, or send it apart from the frame.",
                    column=str(label),
                ) from None
        raise ValueCannotCross(path, f"it has no Arrow form ({str(error).splitlines()[0].rstrip('.')})") from error


def _with_nan(table: pa.Table, shallow: Any, origin: Json) -> pa.Table:
    """R tells NaN from NA: columns that came with NaN and no NA go back so."""
    for name in origin.get("nan", ()):
        if name in shallow and str(shallow[name].dtype) == "float64":
            position = table.column_names.index(name)
            table = table.set_column(position, name, pa.array(shallow[name].to_numpy(), from_pandas=False))
    return table


def _labels(labels: list[Any], path: str) -> list[Any] | None:
    if all(isinstance(label, str) for label in labels):
        return None
    for label in labels:
        for part in label if isinstance(label, tuple) else (label,):
            if part is not None and type(part) not in (str, int, float, bool):
                raise ValueCannotCross(path, f"its column label `{label}` is neither text nor a number")
    return labels


def _names(columns: Any, path: str) -> list[Any]:
    return _labels(list(columns.names), path) or list(columns.names)


def _origin_tags(table: pa.Table, origin: Json, own: Json) -> Json:
    """Tags that columns came with which still have their Arrow type; geometries have their ``own``."""
    apart = {name for name, tag in own.items() if tag.get("type") == "geometry"}
    types = {field.name: str(field.type) for field in table.schema if field.name not in apart}
    tags = origin.get("columns") or {}
    return {name: tag for name, tag in tags.items() if types.get(name) == (origin.get("types") or {}).get(name)}


def pandas_of_table(table: pa.Table, descriptor: Json) -> Any:
    """The frame as pandas had it: dtypes, index, labels."""
    facts = (descriptor.get("library") or {}).get("pandas") or {}
    index = (facts.get("metadata") or {}).get("index_columns") or []
    new = {name: _pandas_column(table.column(name)) for name in descriptor.get("foreign") or () if name not in index}
    geometries = decoded_geometries(table, descriptor)
    apart = _decoded_apart(table, descriptor) | new | geometries
    plain = table.drop_columns(list(apart))
    if facts.get("metadata"):
        plain = plain.replace_schema_metadata({b"pandas": json.dumps(facts["metadata"])})
    frame = _frame_of(plain, facts.get("metadata"))
    for name in sorted(apart, key=table.column_names.index):
        values = apart[name]
        frame.insert(min(table.column_names.index(name), len(frame.columns)), name, _on(frame, values))
    if descriptor["rows"] != len(frame) and not len(frame.columns):
        frame = frame.reindex(range(descriptor["rows"]))
    frame.columns = _column_index(descriptor, facts)
    _restore_frequency(frame, facts.get("frequency"))
    _restore_range(frame, facts.get("range"))
    return with_geometries(frame, table, descriptor, index)


def _frame_of(table: pa.Table, metadata: Json | None) -> Any:
    """pandas' own way from Arrow, but for large columns of plain numbers: these stay where they are mapped."""
    import pandas as pd

    index = (metadata or {}).get("index_columns") or []
    described = (metadata or {}).get("columns") or []
    dtypes = {one.get("field_name"): str(one.get("numpy_type")) for one in described}
    data = table.select([name for name in table.column_names if name not in index])
    mapped = mapped_numbers(data, dtypes if metadata else None)
    if not mapped:
        return table.to_pandas()
    rest = table.drop_columns(list(mapped)).to_pandas()
    columns = {name: mapped[name] if name in mapped else rest[name] for name in data.column_names}
    return pd.DataFrame(columns, index=rest.index, copy=False)


def _decoded_apart(table: pa.Table, descriptor: Json) -> dict[str, Any]:
    import pandas as pd

    found: dict[str, Any] = {}
    for name, entry in (descriptor.get("columns") or {}).items():
        tag = (entry or {}).get("tag") or {}
        if name in table.column_names and tag.get("library") == "complex":
            found[name] = _complex(table.column(name)).astype(tag.get("dtype") or "complex128")
        elif name in table.column_names and tag.get("library") == "arrow":
            found[name] = pd.arrays.ArrowExtensionArray(table.column(name))
        elif name in table.column_names and tag.get("library") == "string[python]":
            found[name] = pd.array(table.column(name).to_pylist(), dtype="string[python]")
        elif name in table.column_names and tag.get("dtype") == "object":
            found[name] = object_series(table.column(name), tag)
    return found


def _on(frame: Any, values: Any) -> Any:
    return values.set_axis(frame.index) if hasattr(values, "set_axis") and len(frame) else values


def _restore_range(frame: Any, bounds: list[int] | None) -> None:
    import pandas as pd

    found = pd.RangeIndex(*bounds, name=frame.index.name) if bounds else None
    if found is not None and frame.index.equals(found):
        frame.index = found


def _restore_frequency(frame: Any, frequency: str | None) -> None:
    if frequency and hasattr(frame.index, "freq"):
        try:
            frame.index.freq = frequency
        except (ValueError, AttributeError):
            # Rows were taken out or moved: the index has this frequency no more.
            return


def _complex(column: pa.ChunkedArray) -> Any:
    import numpy as np

    real, imaginary = whole(column).flatten()
    made = np.empty(len(column), dtype="complex128")
    # Not by a sum: infinity times 1j has a real part that is no number.
    made.real, made.imag = real.to_numpy(zero_copy_only=False), imaginary.to_numpy(zero_copy_only=False)
    return made


def _column_index(descriptor: Json, facts: Json) -> Any:
    import pandas as pd

    names = facts.get("label_names") or [None]
    labels = descriptor["names"] if facts.get("labels") is None else facts["labels"]
    if len(names) > 1:
        return pd.MultiIndex.from_tuples([tuple(label) for label in labels], names=names)
    return pd.Index(labels, name=names[0], dtype=facts.get("label_dtype"))


def pandas_of_r(table: pa.Table, descriptor: Json) -> Any:
    """R's frame with pandas' nullable types where values are missing, and row names as the index."""
    import pandas as pd

    rows = descriptor.get("row_names")
    index = table.column(rows).to_pylist() if rows in table.column_names else None
    plain = table.drop_columns([rows]) if index is not None else table
    tags = descriptor.get("columns") or {}
    mapped = mapped_numbers(plain)
    geometries = decoded_geometries(plain, descriptor)
    columns = {
        name: geometries[name] if name in geometries else _pandas_column(plain.column(name))
        for name in plain.column_names
        if name not in mapped
    }
    if mapped:
        columns = {name: mapped[name] if name in mapped else columns[name].copy() for name in plain.column_names}
    rows_index = index if index is not None else pd.RangeIndex(descriptor["rows"])
    frame = pd.DataFrame(columns, index=rows_index, copy=False if mapped else None)
    frame.columns = _labels_of_r(renamed(table, descriptor).column_names, descriptor)
    frame.attrs[ORIGIN] = {
        "columns": tags,
        "types": {field.name: str(field.type) for field in table.schema},
        "nan": [name for name in plain.column_names if _only_nan(plain.column(name))],
        "missing_complex": [
            name for name in plain.column_names if plain.schema.field(name).type == COMPLEX and plain[name].null_count
        ],
        "attributes": descriptor.get("attributes"),
    }
    if descriptor.get("attributes"):
        frame.attrs["r"] = shown_attributes(descriptor["attributes"])
    shown = shown_column_attributes(tags, dict(zip(plain.column_names, frame.columns, strict=True)))
    if shown:
        frame.attrs[_COLUMNS] = shown
        frame.attrs[ORIGIN]["shown"] = True
    return of_geopandas(frame, (frame.attrs.get("r") or {}).get("sf_column")) if geometries else frame


def _labels_of_r(names: list[str], descriptor: Json) -> Any:
    """R's names, None where one is NA."""
    import pandas as pd

    told = descriptor.get("names") or []
    labels = list(told) if len(told) == len(names) else names
    return pd.Index(labels, dtype=object if None in labels or not labels else None)


def _only_nan(column: pa.ChunkedArray) -> bool:
    return pa.types.is_floating(column.type) and not column.null_count and _has_nan(column)


def _has_nan(column: pa.ChunkedArray) -> bool:
    import pyarrow.compute as pc

    return bool(pc.any(pc.is_nan(column)).as_py())


def _pandas_column(column: pa.ChunkedArray) -> Any:
    import pandas as pd

    kind = column.type
    if kind == COMPLEX:
        return _complex(column)
    if pa.types.is_date32(kind) and beyond_dates(column):
        return pd.arrays.ArrowExtensionArray(column)
    if pa.types.is_struct(kind) or (pa.types.is_list(kind) and has_missing_numbers(column)):
        # As pandas' own cells, NA and NaN would be one, and integers numbers with fractions.
        return object_series(column, {"cell": "list"}).array
    if pa.types.is_timestamp(kind) or pa.types.is_duration(kind) or not column.null_count:
        return column.to_pandas().array
    if pa.types.is_floating(kind):
        return pd.arrays.ArrowExtensionArray(column) if _has_nan(column) else column.to_pandas().array
    if pa.types.is_integer(kind) or pa.types.is_boolean(kind):
        nullable: Any = "boolean" if pa.types.is_boolean(kind) else str(kind).capitalize().replace("Uint", "UInt")
        return pd.array(column.to_pylist(), dtype=nullable)
    return column.to_pandas().array
