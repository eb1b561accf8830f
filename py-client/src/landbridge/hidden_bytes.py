"""What no reader of a table sees, and a file would carry all the same: the bytes that stand under missing values, and
those of an array outside the window that a slice shows.

Arrow leaves both to whoever made the array: a masked array of numpy hands over what it masks, a slice shares the
buffers of what it was cut from, and the file format pads a buffer with what follows it. Here they are zero, or are not
there. Arrays without missing values and without anything outside their window cost a look at their lengths.
"""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

_NUMBERS = {8: pa.int8(), 16: pa.int16(), 32: pa.int32(), 64: pa.int64()}
_TEXTS = (pa.string(), pa.large_string(), pa.binary(), pa.large_binary())


def without_hidden_bytes(table: pa.Table) -> pa.Table:
    """The same values in buffers that hold nothing else. Its types are those of the wire profile, and the chunks of a
    column have one dictionary.
    """
    columns = [_column(column) for column in table.columns]
    return pa.Table.from_arrays(columns, schema=table.schema) if columns else table


def _column(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if pa.types.is_dictionary(column.type) and column.num_chunks:
        # One for all chunks, which the file's writer then sees without comparing them.
        labels = _clean(column.chunk(0).dictionary)
        return pa.chunked_array([_dictionary(chunk, labels) for chunk in column.chunks], column.type)
    return pa.chunked_array([_clean(chunk) for chunk in column.chunks], column.type)


def _dictionary(array: pa.DictionaryArray, labels: pa.Array, within: pa.Array | None = None) -> pa.DictionaryArray:
    """All labels are part of the value: the levels of a factor, whether an element names them or not."""
    indices = _clean(array.indices, within)
    return pa.DictionaryArray.from_arrays(indices, labels, ordered=array.type.ordered, safe=False)


def _clean(array: pa.Array, within: pa.Array | None = None) -> pa.Array:
    """``within`` tells which elements are seen at all, where what holds them is missing in places."""
    kind = array.type
    if pa.types.is_null(kind):
        return array
    valid = array.is_valid() if array.null_count else None
    if within is not None:
        valid = within if valid is None else pc.and_(valid, within)
    if pa.types.is_dictionary(kind):
        return _dictionary(array, _clean(array.dictionary), within)
    if pa.types.is_struct(kind):
        fields = [_clean(array.field(i), valid) for i in range(kind.num_fields)]
        return pa.Array.from_buffers(kind, len(array), [_bits(valid)], children=fields)
    if pa.types.is_fixed_size_list(kind):
        return _fixed_lists(array, valid)
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return _lists(array, valid)
    if pa.types.is_boolean(kind):
        seen = array if valid is None else pc.and_(_bare(array), valid)
        return pa.Array.from_buffers(kind, len(array), [_bits(valid), _bits(_bare(seen))])
    return _texts(array, valid) if kind in _TEXTS else _numbers(array, valid)


def _bare(array: pa.Array) -> pa.Array:
    """The truths of an array of booleans, without its own missing values."""
    return pa.Array.from_buffers(pa.bool_(), len(array), [None, array.buffers()[1]], 0, array.offset)


def _bits(truths: pa.Array | None) -> pa.Buffer | None:
    """One bit each, from the first bit of the first byte; none where all are seen. The last byte's other bits are 0."""
    if truths is None:
        return None
    n = len(truths)
    if truths.offset or n % 8:
        # Not to a multiple of eight, a copy by concatenation keeps the bits that follow; the false ones hide them.
        truths = pa.concat_arrays([truths, pa.array([False] * (-n % 8), pa.bool_())])
    return truths.buffers()[1].slice(truths.offset // 8, (n + 7) // 8)


def _numbers(array: pa.Array, valid: pa.Array | None) -> pa.Array:
    """Of a fixed count of whole bytes each; a slice of them is a slice of their buffer."""
    n, width = len(array), array.type.bit_width
    data = array.buffers()[1].slice(array.offset * width // 8, n * width // 8)
    if valid is None:
        return pa.Array.from_buffers(array.type, n, [None, data])
    bits = _bits(valid)
    plain = _NUMBERS.get(width, pa.binary(width // 8))
    zero = pa.scalar(0 if width in _NUMBERS else bytes(width // 8), plain)
    filled = pc.fill_null(pa.Array.from_buffers(plain, n, [bits, data]), zero)
    return pa.Array.from_buffers(array.type, n, [bits, filled.buffers()[1].slice(0, n * width // 8)])


def _offsets(array: pa.Array) -> tuple[pa.Buffer, int, int]:
    """The offsets of the array's window, with the first and the last of them."""
    kind = array.type
    large = pa.types.is_large_string(kind) or pa.types.is_large_binary(kind) or pa.types.is_large_list(kind)
    size = 8 if large else 4
    buffer = array.buffers()[1]
    if not len(array) or buffer is None or not buffer.size:
        return pa.py_buffer(bytes(size)), 0, 0
    window = buffer.slice(array.offset * size, (len(array) + 1) * size)
    numbers = memoryview(window).cast("B").cast("q" if large else "i")
    return window, numbers[0], numbers[-1]


def _texts(array: pa.Array, valid: pa.Array | None) -> pa.Array:
    kind, n = array.type, len(array)
    offsets, first, last = _offsets(array)
    content = array.buffers()[2] or pa.py_buffer(b"")
    bits = _bits(valid)
    window = pa.Array.from_buffers(kind, n, [bits, offsets, content])
    shown = pc.sum(pc.binary_length(window)).as_py() or 0 if valid is not None else last - first
    if shown != last - first:
        # What is missing has a length: written anew, without it.
        window = pc.fill_null(window, pa.scalar("" if "string" in str(kind) else b"", kind))
    elif first:
        window = pa.concat_arrays([pa.Array.from_buffers(kind, n, [None, offsets, content])])
    offsets, _, last = _offsets(window)
    content = window.buffers()[2] or pa.py_buffer(b"")
    return pa.Array.from_buffers(kind, n, [bits, offsets, content.slice(0, last)])


def _lists(array: pa.Array, valid: pa.Array | None) -> pa.Array:
    kind, n = array.type, len(array)
    offsets, first, last = _offsets(array)
    bits = _bits(valid)
    elements = array.values
    window = pa.Array.from_buffers(kind, n, [bits, offsets], children=[elements])
    lengths = pc.fill_null(pc.list_value_length(window), 0)
    if first or (valid is not None and (pc.sum(lengths).as_py() or 0) != last - first):
        # Only the elements of lists that are there.
        elements = window.flatten()
        number = pa.int64() if pa.types.is_large_list(kind) else pa.int32()
        ends = pc.cumulative_sum(lengths.cast(pa.int64())).cast(number)
        offsets = pa.concat_arrays([pa.array([0], number), ends]).buffers()[1]
    else:
        elements = elements.slice(first, last - first)
    return pa.Array.from_buffers(kind, n, [bits, offsets], children=[_clean(elements)])


def _fixed_lists(array: pa.Array, valid: pa.Array | None) -> pa.Array:
    kind, n = array.type, len(array)
    size = kind.list_size
    elements = array.values.slice(array.offset * size, n * size)
    within: Any = None
    if valid is not None and size:
        counts = pc.subtract(pc.cumulative_sum(pa.repeat(pa.scalar(1, pa.int64()), n * size)), 1)
        within = valid.take(pc.divide(counts, size))
    return pa.Array.from_buffers(kind, n, [_bits(valid)], children=[_clean(elements, within)])
