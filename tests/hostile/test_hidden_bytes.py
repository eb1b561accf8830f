"""What stands under missing values and beyond a slice's window is no part of a value, and is in no file of ours."""

from __future__ import annotations

import random
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from landbridge.columns import read_table, write_table
from landbridge.hidden_bytes import without_hidden_bytes
from landbridge.objects import FolderSink, FolderSource
from landbridge.values import decode, encode

pytestmark = pytest.mark.row("AR15")

CANARY = b"Zq~K"
TEXT = "Zq~K" * 6
NUMBER = int.from_bytes(CANARY * 2, "little")
REAL = float(np.frombuffer(CANARY * 2, dtype="<f8")[0])
N = 3001
MISSING = [position % 3 == 1 for position in range(N)]


def file_of(value, folder):
    """The bytes of the one Arrow file that a value becomes, and the value that comes back."""
    node = encode(value, FolderSink(folder))
    (path,) = folder.glob("*.arrow")
    return path.read_bytes(), decode(node, FolderSource(folder, fresh=folder))


def under(values, kind, hidden):
    """An array whose missing values have bytes of their own under them."""
    plain = pa.array(values, kind)
    return with_missing(plain, [not gone for gone in hidden])


def with_missing(plain, valid):
    bits = pa.array(valid, pa.bool_()).buffers()[1]
    children = []
    if pa.types.is_nested(plain.type) and plain.type.num_fields:
        children = (
            [plain.field(i) for i in range(plain.type.num_fields)] if pa.types.is_struct(plain.type) else [plain.values]
        )
    own = plain.buffers()[: plain.type.num_buffers]
    return pa.Array.from_buffers(plain.type, len(plain), [bits, *own[1:]], children=children or None)


def numbers(dtype):
    found = np.arange(N, dtype=dtype)
    found[MISSING] = np.frombuffer(CANARY * 4, dtype=dtype)[0]
    return found


def masked_frame(dtype, array):
    return pd.DataFrame({"x": array(numbers(dtype), np.array(MISSING))})


MADE = {
    "masked array of numpy": lambda: np.ma.MaskedArray(numbers("int64"), MISSING),
    "masked reals of numpy": lambda: np.ma.MaskedArray(numbers("float64"), MISSING),
    "masked complex of numpy": lambda: np.ma.MaskedArray(numbers("float64") * (1 + 1j), MISSING),
    "masked text of numpy": lambda: np.ma.MaskedArray([TEXT if gone else "a" for gone in MISSING], MISSING),
    "masked matrix of numpy": lambda: np.ma.MaskedArray(numbers("int32"), MISSING)[:3000].reshape(30, 100),
    "integers of pandas": lambda: masked_frame("int64", pd.arrays.IntegerArray),
    "narrow integers of pandas": lambda: masked_frame("int32", pd.arrays.IntegerArray),
    "reals of pandas": lambda: masked_frame("float64", pd.arrays.FloatingArray),
    "series of pandas": lambda: pd.Series(pd.arrays.IntegerArray(numbers("int64"), np.array(MISSING))),
    "frame of pandas over Arrow, cut": lambda: pd.DataFrame(
        {"x": pd.array([*[TEXT] * 9, *"abcdefg", *[TEXT] * 9], dtype=pd.ArrowDtype(pa.string()))}
    ).iloc[9:16],
    "frame of polars, cut": lambda: pl.DataFrame(
        {"x": [*[NUMBER] * 9, *range(7), *[NUMBER] * 9], "y": [*[TEXT] * 9, *"abcdefg", *[TEXT] * 9]}
    ).slice(9, 7),
    "frame of polars, categories cut": lambda: pl.DataFrame(
        {"x": pl.Series([TEXT, "a", "b"], dtype=pl.Categorical)}
    ).slice(1),
}


@pytest.mark.parametrize("made", MADE)
def test_values_of_each_library_bring_nothing_that_is_hidden(tmp_path, made):
    value = MADE[made]()
    data, back = file_of(value, tmp_path)
    assert CANARY not in data
    if isinstance(value, pd.DataFrame):
        pd.testing.assert_frame_equal(back.reset_index(drop=True), value.reset_index(drop=True), check_dtype=False)
    elif isinstance(value, pl.DataFrame):
        assert back.equals(value)
    elif isinstance(value, pd.Series):
        pd.testing.assert_series_equal(back, value)
    else:
        np.testing.assert_array_equal(back.mask, value.mask)
        np.testing.assert_array_equal(back.compressed(), value.compressed())


def test_the_canary_would_be_found(tmp_path):
    """Arrow itself writes all of it: the search can fail."""
    table = pa.table({"x": under([NUMBER, 1], pa.int64(), [True, False]), "y": pa.array([TEXT, "a"])}).slice(0)
    with pa.OSFile(str(tmp_path / "x.arrow"), "wb") as out, pa.ipc.new_file(out, table.schema) as writer:
        writer.write_table(table)
    assert (tmp_path / "x.arrow").read_bytes().count(CANARY) == 8


def test_labels_that_nobody_names_are_part_of_a_factor(tmp_path):
    value = pd.DataFrame({"x": pd.Categorical(["a"], categories=["a", TEXT])})
    data, back = file_of(value, tmp_path)
    assert CANARY in data
    assert list(back["x"].cat.categories) == ["a", TEXT]


def test_a_table_without_either_is_not_copied():
    table = pa.table(
        {
            "x": pa.array(range(N)),
            "y": pa.array([0.5] * N),
            "s": pa.array(["ab"] * N),
            "l": pa.array([[1, 2]] * N),
            "d": pa.array(["a", "b"] * 100 + ["a"] * (N - 200)).dictionary_encode(),
        }
    )
    before = pa.total_allocated_bytes()
    clean = without_hidden_bytes(table)
    # A few lengths and offsets may be looked at in between, but no column is held twice.
    assert pa.total_allocated_bytes() - before < 10_000
    for name in table.column_names:
        ours, theirs = clean[name].chunk(0), table[name].chunk(0)
        places = [[found and found.address for found in array.buffers()] for array in (ours, theirs)]
        assert places[0] == places[1]


def test_a_slice_of_numbers_is_a_slice_of_their_buffer():
    table = pa.table({"x": pa.array(range(100_000))}).slice(1000, 90_000)
    before = pa.total_allocated_bytes()
    clean = without_hidden_bytes(table)
    assert pa.total_allocated_bytes() == before
    assert clean.equals(table)


LEAVES = {
    "int8": pa.int8(),
    "int16": pa.int16(),
    "int32": pa.int32(),
    "int64": pa.int64(),
    "uint64": pa.uint64(),
    "float32": pa.float32(),
    "float64": pa.float64(),
    "bool": pa.bool_(),
    "date32": pa.date32(),
    "timestamp": pa.timestamp("us", "UTC"),
    "duration": pa.duration("ns"),
    "decimal": pa.decimal128(30, 2),
    "string": pa.string(),
    "large_string": pa.large_string(),
    "binary": pa.binary(),
    "large_binary": pa.large_binary(),
    "dictionary": pa.dictionary(pa.int32(), pa.string()),
}


class Maker:
    """Arrays of any type whose hidden elements are canaries, with the values that are seen."""

    def __init__(self, seed):
        self.random = random.Random(seed)

    def type(self, depth=0):
        nested = [] if depth > 2 else ["list", "large_list", "fixed", "struct"] * 2
        kind = self.random.choice([*LEAVES, *nested])
        if kind in LEAVES:
            return LEAVES["string" if depth and kind == "dictionary" else kind]
        if kind == "struct":
            return pa.struct([(f"f{i}", self.type(depth + 1)) for i in range(self.random.randint(1, 3))])
        inner = self.type(depth + 1)
        if kind == "fixed":
            return pa.list_(inner, self.random.randint(1, 3))
        return pa.list_(inner) if kind == "list" else pa.large_list(inner)

    def array(self, kind, shown):
        """One element for each of ``shown``: whether it is in sight. Some of those in sight are missing."""
        present = [seen and self.random.random() < 0.7 for seen in shown]
        # What is out of sight need not be missing.
        valid = [there or (not seen and self.random.random() < 0.5) for there, seen in zip(present, shown, strict=True)]
        bits = None if all(valid) else pa.array(valid, pa.bool_()).buffers()[1]
        n = len(shown)
        if pa.types.is_struct(kind):
            children = [self.array(kind.field(i).type, present) for i in range(kind.num_fields)]
            return pa.Array.from_buffers(kind, n, [bits], children=children)
        if pa.types.is_fixed_size_list(kind):
            inner = [there for there in present for _ in range(kind.list_size)]
            return pa.Array.from_buffers(kind, n, [bits], children=[self.array(kind.value_type, inner)])
        if pa.types.is_list(kind) or pa.types.is_large_list(kind):
            lengths = [self.random.randint(0, 3) for _ in shown]
            inner = [there for there, length in zip(present, lengths, strict=True) for _ in range(length)]
            child = self.array(kind.value_type, [*inner, False])
            return pa.Array.from_buffers(kind, n, [bits, offsets(lengths, kind)], children=[child])
        if pa.types.is_dictionary(kind):
            indices = self.array(pa.int32(), shown)
            return pa.DictionaryArray.from_arrays(indices, pa.array([str(i) for i in range(100)]), safe=False)
        return self.leaf(kind, bits, present)

    def leaf(self, kind, bits, present):
        n = len(present)
        if pa.types.is_boolean(kind):
            data = pa.array([self.random.random() < 0.5 if there else True for there in present], pa.bool_())
            return pa.Array.from_buffers(kind, n, [bits, data.buffers()[1]])
        if kind in (pa.string(), pa.large_string(), pa.binary(), pa.large_binary()):
            parts = [b"a" * self.random.randint(0, 3) if there else CANARY * 3 for there in present]
            own = [bits, offsets(list(map(len, parts)), kind), pa.py_buffer(b"".join(parts) + CANARY)]
            return pa.Array.from_buffers(kind, n, own)
        width = kind.bit_width // 8
        hidden = (CANARY * 3)[:width].ljust(width, b"\0")
        seen = [bytes([self.random.randint(0, 9), *bytes(width - 1)]) for _ in present]
        data = b"".join(one if there else hidden for one, there in zip(seen, present, strict=True))
        return pa.Array.from_buffers(kind, n, [bits, pa.py_buffer(data + hidden)])


def offsets(lengths, kind):
    large = str(kind).startswith("large")
    ends = np.cumsum([0, *lengths]).astype("int64" if large else "int32")
    return pa.py_buffer(ends)


@pytest.mark.parametrize("seed", range(400))
def test_any_array_cut_anywhere_hides_nothing(tmp_path, seed):
    make = Maker(seed)
    kind = make.type()
    n, before, after = (make.random.choice([0, 1, 2, 7, 8, 9, 17, 40]) for _ in range(3))
    whole = make.array(kind, [False] * before + [True] * n + [False] * after)
    cut = whole.slice(before, n)
    clean = without_hidden_bytes(pa.table({"x": cut}))
    clean.validate(full=True)
    assert clean["x"].to_pylist() == cut.to_pylist()
    assert clean["x"].type == kind
    assert clean["x"].null_count == cut.null_count
    assert_zero(clean["x"].chunk(0))
    path = Path(tmp_path, "x.arrow")
    write_table(pa.table({"x": cut}), path)
    assert CANARY not in path.read_bytes()
    assert read_table(path)["x"].to_pylist() == cut.to_pylist()


def assert_zero(array):
    """Also of elements that are too small for a canary."""
    kind = array.type
    if kind in (pa.int8(), pa.int16(), pa.bool_(), pa.int32()):
        bare = pa.Array.from_buffers(kind, len(array), [None, array.buffers()[1]])
        for value, seen in zip(bare.to_pylist(), array.is_valid().to_pylist(), strict=True):
            assert seen or not value
    elif pa.types.is_struct(kind):
        for position in range(kind.num_fields):
            assert_zero(array.field(position))
    elif pa.types.is_nested(kind):
        assert_zero(array.values)


def test_tables_of_several_pieces_and_of_none(tmp_path):
    numbers = [under([NUMBER, 1, NUMBER], pa.int64(), [True, False, True]).slice(i, 2) for i in (0, 1)]
    labels = [pa.array(["b", "a"]).dictionary_encode(), pa.array(["a", "c"]).dictionary_encode()]
    table = pa.table({"x": pa.chunked_array(numbers), "f": pa.chunked_array(labels)})
    for position, one in enumerate((table, table.slice(1, 2), table.slice(0, 0), table.select([]))):
        path = tmp_path / f"{position}.arrow"
        write_table(one, path)
        assert read_table(path).to_pydict() == one.to_pydict()
        assert CANARY not in path.read_bytes()


def test_decimals_and_views_that_become_other_types(tmp_path):
    views = pa.array([TEXT, "a", TEXT], pa.string_view())
    hidden = pa.Array.from_buffers(views.type, 3, [pa.py_buffer(b"\x02"), *views.buffers()[1:]])
    table = pa.table(
        {
            "v": hidden,
            "d": under([Decimal(NUMBER), Decimal(1), Decimal(NUMBER)], pa.decimal128(38, 0), [True, False, True]),
        }
    )
    data, back = file_of(table, tmp_path)
    assert CANARY not in data
    assert back["v"].to_pylist() == [None, "a", None]
    assert back["d"].to_pylist() == [None, Decimal(1), None]
