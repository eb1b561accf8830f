"""The content key of a table: equal for equal contents, however the file was written; see docs/content-key.md."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from landbridge.columns import read_table
from landbridge.errors import ValueCannotCross
from landbridge.fidelity import is_text
from landbridge.series import installed

PREFIX = "lbk1:"
# Rows of one step: large enough for few calls, small enough for the processor's caches.
_STEP = 1 << 16


def content_key(table_or_path: Any) -> str:
    """``lbk1:`` and 64 hexadecimal digits for the logical content of a table.

    Takes an Arrow table, a pandas or polars frame, or the path of an Arrow IPC file. Equal for equal column names in
    order, types, row counts and values; chunks, padding, offsets, dictionary layouts and schema metadata do not count.
    Raises :class:`ValueCannotCross` for a column outside the wire profile.
    """
    table = _table(table_or_path)
    key = hashlib.sha256(b"lbk1\0" + struct.pack("<QQ", table.num_rows, table.num_columns))
    for name, column in zip(table.column_names, table.columns, strict=True):
        label = name.encode()
        key.update(struct.pack("<Q", len(label)) + label + _column_digest(column, name))
    return PREFIX + key.hexdigest()


def _table(x: Any) -> pa.Table:
    from landbridge.frames import frame_class, wire_table

    if isinstance(x, str | Path):
        return wire_table(read_table(Path(x)))
    if frame_class(x) is None:
        raise ValueCannotCross("table", f"it is of the type `{type(x).__name__}`", "Give a frame or a file's path.")
    return wire_table(x)


def _column_digest(column: pa.ChunkedArray, name: str) -> bytes:
    if pa.types.is_dictionary(column.type):
        return _dictionary_digest(column)
    hashed = _hashed(column.type, name)
    for chunk in column.chunks:
        for start in range(0, len(chunk), _STEP):
            hashed.add(chunk.slice(start, _STEP))
    return hashed.digest()


class _Hashed:
    """The values of one type on their way into digests: validity, values, and whatever a nested type contains."""

    def __init__(self, label: str) -> None:
        self._label = label
        self._validity = hashlib.sha256()
        self._values = hashlib.sha256()
        self._valid = self._missing = 0

    def add(self, array: pa.Array) -> None:
        self._count(array)
        for part in self._parts(array):
            self._values.update(part)

    def _count(self, array: pa.Array) -> None:
        if not array.null_count:
            self._valid += len(array)
            return
        self._all_valid()
        self._missing += array.null_count
        self._validity.update(array.is_valid().cast(pa.uint8()).buffers()[1])

    def _all_valid(self) -> None:
        """Write down those that were counted until now: a column without any missing value has no validity."""
        while self._valid:
            step = min(self._valid, _STEP)
            self._validity.update(b"\x01" * step)
            self._valid -= step

    def _parts(self, _: pa.Array) -> Iterator[Any]:
        return iter(())

    def digest(self) -> bytes:
        if self._missing:
            self._all_valid()
        validity = self._validity.digest() if self._missing else b"\0" * 32
        label = self._label.encode()
        whole = struct.pack("<Q", len(label)) + label + validity + self._values.digest() + self._inner()
        return hashlib.sha256(whole).digest()

    def _inner(self) -> bytes:
        return b""


def _values_of(array: pa.Array, width: int) -> memoryview:
    """The bytes of the values of a fixed width, without what stands before and after them."""
    buffer = array.buffers()[1]
    start = array.offset * width
    return memoryview(buffer)[start : start + len(array) * width] if buffer is not None else memoryview(b"")


class _Numbers(_Hashed):
    """Values of a fixed width, little-endian; zeros where they are missing, one NaN for all."""

    def __init__(self, label: str, kind: pa.DataType) -> None:
        super().__init__(label)
        self._width = kind.bit_width // 8
        self._integers = {1: pa.int8(), 2: pa.int16(), 4: pa.int32(), 8: pa.int64()}.get(self._width)

    def _parts(self, array: pa.Array) -> Iterator[Any]:
        if pa.types.is_floating(array.type):
            # NaN is rare, and its sum tells it at the speed of memory.
            total = pc.sum(array).as_py()
            if total is not None and total != total:
                array = pc.if_else(pc.is_nan(array), pa.scalar(float("nan"), array.type), array)
        if array.null_count:
            array = self._filled(array)
        yield _values_of(array, self._width)

    def _filled(self, array: pa.Array) -> pa.Array:
        if pa.types.is_decimal(array.type):
            return pc.fill_null(array, pa.scalar(Decimal(0), array.type))
        # Filled as integers: times and dates are numbers too, and no fill changes a bit of the others.
        return pc.fill_null(array.view(self._integers), 0)


class _Bools(_Hashed):
    """One byte each, 0 or 1."""

    def _parts(self, array: pa.Array) -> Iterator[Any]:
        filled = pc.fill_null(array, False) if array.null_count else array
        yield _values_of(filled.cast(pa.uint8()), 1)


class _Texts(_Hashed):
    """Text and bytes: the lengths, 64 bits each and 0 where missing, and apart from them all bytes in a row."""

    def __init__(self, label: str, fill: str | bytes) -> None:
        super().__init__(label)
        self._fill = fill
        self._bytes = hashlib.sha256()

    def _parts(self, array: pa.Array) -> Iterator[Any]:
        if array.null_count:
            array = pc.fill_null(array, self._fill)
        large = pa.types.is_large_string(array.type) or pa.types.is_large_binary(array.type)
        width, letter = (8, "<q") if large else (4, "<i")
        offsets = array.buffers()[1]
        if len(array) and offsets is not None:
            first = struct.unpack_from(letter, offsets, array.offset * width)[0]
            last = struct.unpack_from(letter, offsets, (array.offset + len(array)) * width)[0]
            data = array.buffers()[2]
            if data is not None:
                self._bytes.update(memoryview(data)[first:last])
        yield _values_of(pc.binary_length(array).cast(pa.int64()), 8)

    def _inner(self) -> bytes:
        return self._bytes.digest()


class _Lists(_Hashed):
    """The lengths, 64 bits each and 0 where missing, and then the elements of all lists as one column."""

    def __init__(self, label: str, inner: _Hashed) -> None:
        super().__init__(label)
        self._elements = inner

    def _parts(self, array: pa.Array) -> Iterator[Any]:
        self._elements.add(_decoded(pc.list_flatten(array)))
        lengths = pc.fill_null(pc.list_value_length(array), 0).cast(pa.int64())
        yield _values_of(lengths, 8)

    def _inner(self) -> bytes:
        return self._elements.digest()


class _Structs(_Hashed):
    """The fields in order, each as a column of its own; missing where the whole is missing."""

    def __init__(self, label: str, fields: list[_Hashed]) -> None:
        super().__init__(label)
        self._fields = fields

    def _parts(self, array: pa.Array) -> Iterator[Any]:
        for field, part in zip(self._fields, array.flatten(), strict=True):
            field.add(_decoded(part))
        return iter(())

    def _inner(self) -> bytes:
        return b"".join(field.digest() for field in self._fields)


def _decoded(array: pa.Array) -> pa.Array:
    return array.dictionary_decode() if pa.types.is_dictionary(array.type) else array


def _hashed(kind: pa.DataType, name: str) -> _Hashed:
    types = pa.types
    if types.is_dictionary(kind):
        return _hashed(kind.value_type, name)
    if is_text(kind):
        return _Texts("utf8", "")
    if types.is_binary(kind) or types.is_large_binary(kind):
        return _Texts("binary", b"")
    if types.is_boolean(kind):
        return _Bools("bool")
    if types.is_null(kind):
        return _Hashed("null")
    if types.is_struct(kind):
        label = "struct<" + ", ".join(kind.field(i).name for i in range(kind.num_fields)) + ">"
        return _Structs(label, [_hashed(kind.field(i).type, name) for i in range(kind.num_fields)])
    if types.is_fixed_size_list(kind):
        return _Lists(f"fixed_size_list[{kind.list_size}]", _hashed(kind.value_type, name))
    if types.is_list(kind) or types.is_large_list(kind):
        return _Lists("list", _hashed(kind.value_type, name))
    plain: tuple[Callable[[pa.DataType], bool], ...] = (
        *(types.is_integer, types.is_floating, types.is_date32, types.is_time),
        *(types.is_timestamp, types.is_duration, types.is_decimal128),
    )
    if any(test(kind) for test in plain):
        return _Numbers(str(kind), kind)
    raise ValueCannotCross(name, f"its type {kind} has no content key", "Convert the column.")


def _dictionary_digest(column: pa.ChunkedArray) -> bytes:
    """Codes into the levels that are used, sorted by their bytes; into all levels in their own order when ordered."""
    from landbridge.columns import whole

    array = whole(column)
    ordered = bool(column.type.ordered)
    levels = array.dictionary.cast(pa.large_string())
    codes = array.indices
    distinct = levels.unique().drop_null()
    if not ordered:
        used = levels.take(_used(codes, len(levels))).unique().drop_null()
        distinct = used.take(pc.sort_indices(used))
    # Two levels of one text are one, and a level that is null is a missing value.
    places = pc.index_in(levels, distinct).cast(pa.int32())
    hashed = _Codes("codes", pa.int32(), places)
    for start in range(0, len(codes), _STEP):
        hashed.add(codes.slice(start, _STEP))
    texts = _Texts("utf8", "")
    texts.add(distinct)
    label = b"ordered" if ordered else b"dictionary"
    return hashlib.sha256(label + struct.pack("<Q", len(distinct)) + texts.digest() + hashed.digest()).digest()


def _used(codes: pa.Array, count: int) -> pa.Array:
    """The positions of the levels that are in use."""
    if not installed("numpy"):
        return codes.unique().drop_null()
    import numpy as np

    # Marks in a table are many times as fast as a table of hashes. The last one is for missing values.
    seen = np.zeros(count + 1, dtype=bool)
    for start in range(0, len(codes), _STEP):
        seen[_indices(codes.slice(start, _STEP), count)] = True
        if seen[:count].all():
            break
    return pa.array(np.flatnonzero(seen[:count]))


def _indices(codes: pa.Array, missing: int) -> Any:
    """Codes as numpy's integers, `missing` where there is none."""
    wide = codes.cast(pa.int64())
    return (pc.fill_null(wide, missing) if codes.null_count else wide).to_numpy()


class _Codes(_Numbers):
    """Codes into one order of levels as codes into another: `places` has the position of each level there."""

    def __init__(self, label: str, kind: pa.DataType, places: pa.Array) -> None:
        super().__init__(label, kind)
        self._places = places
        self._lookup: Any = None
        self._same = False
        if not places.null_count and installed("numpy"):
            import numpy as np

            self._lookup = np.append(places.to_numpy(), np.int32(0))
            self._same = bool((self._lookup[:-1] == np.arange(len(places))).all())

    def add(self, array: pa.Array) -> None:
        if self._same:
            super().add(array.cast(pa.int32()))
            return
        if self._lookup is None:
            super().add(self._places.take(array.cast(pa.int64())))
            return
        self._count(array)
        self._values.update(self._lookup.take(_indices(array, len(self._places))))
