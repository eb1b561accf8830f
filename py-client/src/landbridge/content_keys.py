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
        self._validity.update(_valid_bytes(array))

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


def _valid_bytes(array: pa.Array) -> Any:
    """One byte for each row, 1 where there is a value."""
    bits = array.buffers()[0] if array.buffers() else None
    if bits is None or not installed("numpy"):
        return array.is_valid().cast(pa.uint8()).buffers()[1]
    import numpy as np

    first = array.offset // 8
    rest = array.offset - 8 * first
    packed = np.frombuffer(bits, np.uint8)[first:]
    return np.unpackbits(packed, count=rest + len(array), bitorder="little")[rest:]


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
        # Written over by each step: memory that is new costs more than the work on it.
        self._room: Any = None
        if self._integers is not None and installed("numpy"):
            import numpy as np

            self._room = np.empty(_STEP, self._integers.to_pandas_dtype())

    def _parts(self, array: pa.Array) -> Iterator[Any]:
        if pa.types.is_floating(array.type) and self._any_nan(array):
            array = pc.if_else(pc.is_nan(array), pa.scalar(float("nan"), array.type), array)
        yield self._filled(array) if array.null_count else _values_of(array, self._width)

    def _any_nan(self, array: pa.Array) -> bool:
        """NaN is rare, and a sum tells it at the speed of memory; it may tell one that is none."""
        if self._room is None or self._width < 4:
            total = pc.sum(array).as_py()
            return total is not None and total != total
        import numpy as np

        with np.errstate(all="ignore"):
            total = np.add.reduce(np.frombuffer(_values_of(array, self._width), f"<f{self._width}"))
        return bool(total != total)

    def _filled(self, array: pa.Array) -> Any:
        if pa.types.is_decimal(array.type):
            return _values_of(pc.fill_null(array, pa.scalar(Decimal(0), array.type)), self._width)
        # Filled as integers: times and dates are numbers too, and no fill changes a bit of the others.
        if self._room is None or array.buffers()[0] is None or len(array) > _STEP:
            return _values_of(pc.fill_null(array.view(self._integers), 0), self._width)
        values = self._room[: len(array)]
        return self._times_valid(self._numbers(array), array, values)

    def _numbers(self, array: pa.Array) -> Any:
        import numpy as np

        return np.frombuffer(_values_of(array, self._width), self._room.dtype)

    def _times_valid(self, numbers: Any, array: pa.Array, into: Any) -> Any:
        """Numbers of 0 where the array has none."""
        import numpy as np

        return np.multiply(numbers, _valid_bytes(array), out=into, casting="unsafe")


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
    distinct, places = _own_order(levels) if ordered else _sorted_order(levels, _used(codes, len(levels)))
    hashed = _Codes("codes", pa.int32(), places)
    for start in range(0, len(codes), _STEP):
        hashed.add(codes.slice(start, _STEP))
    texts = _Texts("utf8", "")
    texts.add(distinct)
    label = b"ordered" if ordered else b"dictionary"
    return hashlib.sha256(label + struct.pack("<Q", len(distinct)) + texts.digest() + hashed.digest()).digest()


def _own_order(levels: pa.Array) -> tuple[pa.Array, pa.Array]:
    """The distinct levels, and the place of each level among them."""
    distinct = levels.unique().drop_null()
    # Two levels of one text are one, and a level that is null is a missing value.
    return distinct, pc.index_in(levels, distinct).cast(pa.int32())


def _sorted_order(levels: pa.Array, used: pa.Array) -> tuple[pa.Array, pa.Array]:
    """The distinct levels in use, sorted by their bytes, and the place of each level among them."""
    found = levels if len(used) == len(levels) else levels.take(used)
    if found.null_count or not installed("numpy"):
        distinct = found.unique().drop_null()
        distinct = distinct.take(pc.sort_indices(distinct))
        return distinct, pc.index_in(levels, distinct).cast(pa.int32())
    import numpy as np

    # Equal levels stand beside each other when sorted, which is cheaper to see than by a table of hashes.
    order = pc.sort_indices(found)
    in_order = found.take(order)
    new = np.ones(len(found), bool)
    new[1:] = pc.not_equal(in_order[1:], in_order[:-1]).to_numpy(zero_copy_only=False)
    places = np.zeros(len(levels), np.int32)
    places[used.to_numpy()[order.to_numpy()]] = np.cumsum(new) - 1
    return in_order if new.all() else in_order.filter(pa.array(new)), pa.array(places)


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
        if len(places) and not places.null_count and installed("numpy"):
            import numpy as np

            self._lookup = places.to_numpy()
            self._same = bool((self._lookup == np.arange(len(places))).all())
            self._wide = np.empty(_STEP, np.intp)

    def add(self, array: pa.Array) -> None:
        if self._same:
            super().add(array.cast(pa.int32()))
        elif self._lookup is None:
            super().add(self._places.take(array.cast(pa.int64())))
        else:
            self._count(array)
            self._values.update(self._looked_up(array))

    def _looked_up(self, codes: pa.Array) -> Any:
        import numpy as np

        width = codes.type.bit_width // 8
        wide, found = self._wide[: len(codes)], self._room[: len(codes)]
        np.copyto(wide, np.frombuffer(_values_of(codes, width), codes.type.to_pandas_dtype()), casting="unsafe")
        # What stands under missing values may lie outside: it is clipped, and then gone.
        self._lookup.take(wide, out=found, mode="clip")
        return self._times_valid(found, codes, found) if codes.null_count else found
