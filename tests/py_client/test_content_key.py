"""The content key: one for one content, whatever the file; another for any other."""

from __future__ import annotations

import datetime as dt
import math
import re
import struct
from decimal import Decimal
from pathlib import Path
from typing import Any

import landbridge as lb
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from landbridge.columns import write_table

from tests.py_client.conftest import ROOT

VECTORS: dict[str, pa.Table] = {
    "nothing": pa.table({}),
    "no rows": pa.table({"x": pa.array([], pa.int32())}),
    "integers": pa.table({"x": pa.array([1, None, -3], pa.int32())}),
    "doubles": pa.table({"x": [0.0, -0.0, math.nan, math.inf, None]}),
    "text": pa.table({"s": ["a", "", None, "ä€"]}),
    "factor": pa.table({"f": pa.DictionaryArray.from_arrays([1, None, 0], ["v", "u"])}),
    "ordered": pa.table({"f": pa.DictionaryArray.from_arrays([1, None, 0], ["v", "u"], ordered=True)}),
    "instants": pa.table({"t": pa.array([0, 1, None], pa.timestamp("us", "UTC"))}),
    "lists": pa.table({"l": pa.array([[1, None], None, []], pa.list_(pa.int64()))}),
    "two columns": pa.table({"b": [True, None], "z": pa.array([{"re": 1.0, "im": 2.0}, None])}),
}


def documented() -> dict[str, str]:
    """The keys of the document's test vectors, by their names there; the tests of R read them too."""
    text = (ROOT / "docs" / "content-key.md").read_text()
    return dict(re.findall(r"^\| (\w[\w ]*) \|.*\| `(lbk1:[0-9a-f]{64})` \|$", text, re.MULTILINE))


def test_the_vectors_of_the_document_hold() -> None:
    assert documented() == {name: lb.content_key(table) for name, table in VECTORS.items()}


def dictionary(codes: list[int | None], levels: list[str], ordered: bool = False) -> pa.Table:
    return pa.table({"x": pa.DictionaryArray.from_arrays(pa.array(codes, pa.int8()), levels, ordered=ordered)})


def with_bits(values: list[int], bits: int | None, kind: pa.DataType) -> pa.Table:
    """A column of 64 bits from its buffers, with a validity of these bits or none."""
    data = pa.py_buffer(struct.pack(f"<{len(values)}q", *values))
    mask = None if bits is None else pa.py_buffer(bytes([bits]))
    return pa.table({"x": pa.Array.from_buffers(kind, len(values), [mask, data])})


NAN, OTHER_NAN = 0x7FF8000000000000, 0x7FF80000000007A2
WHOLE = pa.array([1.5, None, 2.5, 3.5])
NESTED = pa.array([{"a": [1], "b": "x"}, None, {"a": None, "b": None}, {"a": [2, 3], "b": "y"}])
SAME: dict[str, tuple[pa.Table, pa.Table]] = {
    "chunks": (pa.table({"x": pa.chunked_array([[1.5, None], [], [2.5, 3.5]])}), pa.table({"x": WHOLE})),
    "slices": (pa.table({"x": pa.concat_arrays([WHOLE, WHOLE]).slice(4)}), pa.table({"x": WHOLE})),
    "nested slices": (pa.table({"x": pa.concat_arrays([NESTED, NESTED]).slice(4)}), pa.table({"x": NESTED})),
    "nested chunks": (pa.table({"x": pa.chunked_array([NESTED[:1], NESTED[1:]])}), pa.table({"x": NESTED})),
    "bools": (pa.table({"x": pa.array([True, None, False])[1:]}), pa.table({"x": [None, False]})),
    "text": (
        pa.table({"x": pa.array(["a", "b", None])[1:]}),
        pa.table({"x": pa.array(["b", None], pa.large_string())}),
    ),
    "views": (pa.table({"x": pa.array(["a"], pa.string_view())}), pa.table({"x": ["a"]})),
    "lists": (pa.table({"x": [[1]]}), pa.table({"x": pa.array([[1]], pa.large_list(pa.int64()))})),
    "fixed lists": (
        pa.table({"x": pa.array([[0, 0], [1, 2], None], pa.list_(pa.int64(), 2))[1:]}),
        pa.table({"x": pa.array([[1, 2], None], pa.list_(pa.int64(), 2))}),
    ),
    "dictionary order": (dictionary([0, 1, None], ["u", "v"]), dictionary([1, 0, None], ["v", "u"])),
    "unused levels": (dictionary([0], ["u", "w"]), dictionary([0], ["u"])),
    "index width": (dictionary([0], ["u"]), pa.table({"x": pa.array(["u"]).dictionary_encode()})),
    "missing level": (dictionary([0, 1, None], ["v", None]), dictionary([0, None, None], ["v"])),
    "dictionary chunks": (
        pa.table({"x": pa.chunked_array([pa.array(["a"]).dictionary_encode(), pa.array(["b"]).dictionary_encode()])}),
        dictionary([1, 0], ["b", "a"]),
    ),
    "all valid": (with_bits([1, 2], 0b11, pa.int64()), with_bits([1, 2], None, pa.int64())),
    "under nulls": (with_bits([1, 99], 0b01, pa.int64()), with_bits([1, 5], 0b01, pa.int64())),
    "times under nulls": (with_bits([1, 99], 0b01, pa.timestamp("us")), with_bits([1, 5], 0b01, pa.timestamp("us"))),
    "decimals": (
        pa.table(
            {"x": pa.chunked_array([pa.array([Decimal("1.5"), None], pa.decimal128(4, 2))[i : i + 1] for i in (0, 1)])}
        ),
        pa.table({"x": pa.array([Decimal("1.5"), None], pa.decimal128(4, 2))}),
    ),
    "one NaN": (with_bits([NAN], None, pa.float64()), with_bits([OTHER_NAN], None, pa.float64())),
    "metadata": (pa.table({"x": [1]}).replace_schema_metadata({"a": "b"}), pa.table({"x": [1]})),
    "nullability": (
        pa.table({"x": [1]}, schema=pa.schema([pa.field("x", pa.int64(), nullable=False)])),
        pa.table({"x": [1]}),
    ),
}


@pytest.mark.parametrize("name", sorted(SAME))
def test_equal_content_has_one_key(name: str) -> None:
    one, other = SAME[name]
    assert lb.content_key(one) == lb.content_key(other)


def test_dictionaries_have_the_same_keys_without_numpy(monkeypatch: pytest.MonkeyPatch) -> None:
    tables = [table for name in ("dictionary order", "unused levels", "dictionary chunks") for table in SAME[name]]
    keys = [lb.content_key(table) for table in tables]
    monkeypatch.setattr("landbridge.content_keys.installed", lambda module: False)
    assert [lb.content_key(table) for table in tables] == keys


def long_columns() -> dict[str, pa.Array]:
    """Columns of several steps, with what stands under missing values, and levels that are equal or not in order."""
    rows = 150_000
    there = pa.py_buffer(bytes([0b10110111]) * (rows // 8 + 1))
    reals = pa.array([math.nan, -0.0, math.inf, 1.5] * (rows // 4))
    codes = pa.array([3, 0, 2, 5, 1] * (rows // 5), pa.int16())

    def masked(array: pa.Array) -> pa.Array:
        return pa.Array.from_buffers(array.type, rows, [there, array.buffers()[1]])

    levels = ["b", "unused", "a", "b", "", "\u00e4"]
    return {
        "doubles": masked(reals),
        "floats": masked(reals.cast(pa.float32())),
        "bytes": masked(codes.cast(pa.uint8())),
        "times": masked(codes.cast(pa.int64())).view(pa.timestamp("us")),
        "dictionary": pa.DictionaryArray.from_arrays(codes, levels),
        "masked dictionary": pa.DictionaryArray.from_arrays(masked(codes), levels),
        "ordered": pa.DictionaryArray.from_arrays(masked(codes), levels, ordered=True),
    }


@pytest.mark.parametrize("name", sorted(long_columns()))
def test_long_columns_have_the_same_key_cut_and_without_numpy(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    column = long_columns()[name]
    key = lb.content_key(pa.table({"x": column}))
    longer = pa.concat_arrays([column[:3], column]) if name != "ordered" else column
    assert lb.content_key(pa.table({"x": longer[len(longer) - len(column) :]})) == key
    if name != "ordered":  # made of its values it has other levels
        assert lb.content_key(pa.table({"x": pa.array(column.to_pylist(), column.type)})) == key
    monkeypatch.setattr("landbridge.content_keys.installed", lambda module: False)
    assert lb.content_key(pa.table({"x": column})) == key


OTHER: dict[str, tuple[pa.Table, pa.Table]] = {
    "value": (pa.table({"x": [1]}), pa.table({"x": [2]})),
    "type": (pa.table({"x": [1]}), pa.table({"x": pa.array([1], pa.int32())})),
    "type without rows": (pa.table({"x": pa.array([], pa.int64())}), pa.table({"x": pa.array([], pa.int32())})),
    "name": (pa.table({"x": [1]}), pa.table({"y": [1]})),
    "order": (pa.table({"x": [1], "y": [1]}), pa.table({"y": [1], "x": [1]})),
    "zero": (pa.table({"x": [0.0]}), pa.table({"x": [-0.0]})),
    "missing and zero": (pa.table({"x": [None, 0]}), pa.table({"x": [0, None]})),
    "NaN and missing": (pa.table({"x": [math.nan, 1.0]}), pa.table({"x": [None, 1.0]})),
    "empty and missing text": (pa.table({"x": ["", None]}), pa.table({"x": [None, ""]})),
    "where text ends": (pa.table({"x": ["ab", "c"]}), pa.table({"x": ["a", "bc"]})),
    "where lists end": (pa.table({"x": [[1, 2], [3]]}), pa.table({"x": [[1], [2, 3]]})),
    "empty and missing lists": (pa.table({"x": [[], None, [1]]}), pa.table({"x": [None, [], [1]]})),
    "level order": (dictionary([0, 1], ["u", "v"], True), dictionary([1, 0], ["v", "u"], True)),
    "unused ordered level": (dictionary([0], ["u", "w"], True), dictionary([0], ["u"], True)),
    "ordered or not": (dictionary([0], ["u"], True), dictionary([0], ["u"])),
    "factor or text": (dictionary([0], ["u"]), pa.table({"x": ["u"]})),
    "zone": (
        pa.table({"x": pa.array([0], pa.timestamp("us"))}),
        pa.table({"x": pa.array([0], pa.timestamp("us", "UTC"))}),
    ),
    "text or bytes": (pa.table({"x": ["a"]}), pa.table({"x": [b"a"]})),
    "missing struct": (pa.table({"x": pa.array([None, {"a": 1}])}), pa.table({"x": pa.array([{"a": None}, {"a": 1}])})),
}


@pytest.mark.parametrize("name", sorted(OTHER))
def test_other_content_has_another_key(name: str) -> None:
    one, other = OTHER[name]
    assert lb.content_key(one) != lb.content_key(other)


def test_missing_values_far_down_are_found() -> None:
    long = pa.array([1] * 200_000 + [None] + [1] * 200_000)
    parts = pa.chunked_array([long[:70_000], long[70_000:200_001], long[200_001:]])
    assert lb.content_key(pa.table({"x": long})) == lb.content_key(pa.table({"x": parts}))
    moved = pa.array([1] * 200_001 + [None] + [1] * 199_999)
    assert lb.content_key(pa.table({"x": long})) != lb.content_key(pa.table({"x": moved}))


def test_frames_and_files_have_the_key_of_their_table(tmp_path: Path) -> None:
    columns: dict[str, Any] = {"x": [1.5, 2.5], "s": ["a", "b"], "d": [dt.date(2024, 1, 1), None]}
    table = pa.table(columns)
    write_table(table.replace_schema_metadata({"landbridge": "{}"}), tmp_path / "t.arrow")
    keys = {lb.content_key(one) for one in (table, pd.DataFrame(columns), pl.DataFrame(columns), tmp_path / "t.arrow")}
    assert len(keys) == 1


def test_what_is_no_table_has_no_key() -> None:
    with pytest.raises(lb.errors.ValueCannotCross, match="it is of the type `int`"):
        lb.content_key(3)
    with pytest.raises(lb.errors.ValueCannotCross, match="map"):
        lb.content_key(pa.table({"m": pa.array([[("a", 1)]], pa.map_(pa.string(), pa.int64()))}))
