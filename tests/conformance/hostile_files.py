"""Files that are not what a frame's node says they are: other formats, damaged ones, types outside the wire profile."""

from __future__ import annotations

import io
import random
import struct
from collections.abc import Iterator, Sequence

import pyarrow as pa
import pyarrow.parquet
from pyarrow import ipc

TABLE = pa.table({"n": pa.array([1, 2, None], pa.int32()), "s": ["a", "bc", "ü"]})

# R's own key, as `serialize(ascii = TRUE)` wrote it ("|" for the ends of lines): attributes with a function and an
# environment with a promise, either of which would make the file `evil` if it ran.
R_KEY = (
    "A|3|262658|197888|5|UTF-8|531|2|531|3|16|2|262153|4|evil|262153|10|data.frame|1027|253|1026|1|262153|1|x|251|2"
    "54|6|1|262153|11|file.create|2|6|1|262153|9|file.path|2|6|1|262153|10|Sys.getenv|2|16|1|262153|21|LANDBRIDGE_J"
    "OB_FOLDER|254|2|16|1|262153|3|out|2|16|1|262153|4|evil|254|254|4|0|253|254|19|29|254|254|254|254|254|254|254|2"
    "54|254|254|254|254|254|254|254|254|254|254|254|254|254|254|254|254|254|1026|1|262153|1|p|1029|253|252|6|767|2|"
    "6|1023|2|6|1279|2|16|1|262153|21|LANDBRIDGE_JOB_FOLDER|254|2|16|1|262153|3|out|2|16|1|262153|4|evil|254|254|25"
    "4|254|254|254|254|1026|1|262153|5|names|16|3|262153|5|class|262153|1|f|262153|1|e|254|531|2|531|1|531|2|16|1|2"
    "62153|4|evil|1535|1026|2047|16|2|262153|5|class|262153|1|p|254|1026|2047|16|1|262153|10|attributes|254|254|102"
    "6|2047|16|2|262153|1|n|262153|1|s|254|1026|2047|16|2|262153|10|attributes|262153|7|columns|254|"
).replace("|", "\n")


def arrow_file(table: pa.Table, **options: object) -> bytes:
    out = io.BytesIO()
    with ipc.new_file(out, table.schema, options=ipc.IpcWriteOptions(**options)) as writer:
        writer.write_table(table)
    return out.getvalue()


def arrow_stream(table: pa.Table) -> bytes:
    out = io.BytesIO()
    with ipc.new_stream(out, table.schema) as writer:
        writer.write_table(table)
    return out.getvalue()


def parquet_file(table: pa.Table) -> bytes:
    out = io.BytesIO()
    pyarrow.parquet.write_table(table, out)
    return out.getvalue()


def big_endian(file: bytes) -> bytes:
    """The file with a footer that says so: the vtable's slot for the endianness leads to a number 1 behind it."""
    data = bytearray(file)
    root = _footer(data)
    root += struct.unpack_from("<I", data, root)[0]
    schema = _target(data, root, 1)
    vtable = schema - struct.unpack_from("<i", data, schema)[0]
    assert struct.unpack_from("<H", data, vtable + 4)[0] == 0
    one = next(at for at in range(schema + 12, len(data) - 10, 4) if data[at : at + 2] == b"\x01\x00")
    struct.pack_into("<H", data, vtable + 4, one - schema)
    return bytes(data)


def unknown_codec(table: pa.Table) -> bytes:
    """A compressed file whose only batch names a codec that no Arrow has."""
    data = bytearray(arrow_file(table, compression="zstd"))
    root = _footer(data)
    root += struct.unpack_from("<I", data, root)[0]
    block = _target(data, root, 3) + 4
    message = struct.unpack_from("<q", data, block)[0] + 8
    message += struct.unpack_from("<I", data, message)[0]
    compression = _target(data, _target(data, message, 2), 3)
    data[_slot(data, compression, 0)] = 7
    return bytes(data)


def _footer(data: bytearray) -> int:
    return len(data) - 10 - struct.unpack_from("<i", data, len(data) - 10)[0]


def _slot(data: bytearray, table: int, position: int) -> int:
    vtable = table - struct.unpack_from("<i", data, table)[0]
    offset = struct.unpack_from("<H", data, vtable + 4 + 2 * position)[0]
    assert offset
    return int(table + offset)


def _target(data: bytearray, table: int, position: int) -> int:
    at = _slot(data, table, position)
    return int(at + struct.unpack_from("<I", data, at)[0])


def invalid_text() -> bytes:
    """The third row of column `s` is no UTF-8."""
    return arrow_file(TABLE).replace("abcü".encode(), b"abc\xff\xff")


def wild_index() -> bytes:
    """A factor whose code is beyond its levels."""
    indices = pa.array([0, 1, 77], pa.int32())
    return arrow_file(pa.table({"f": pa.DictionaryArray.from_arrays(indices, pa.array(["u", "v"]), safe=False)}))


def with_extension(name: str, storage: pa.Array) -> bytes:
    field = pa.field("e", storage.type, metadata={"ARROW:extension:name": name, "ARROW:extension:metadata": ""})
    return arrow_file(pa.table([storage], schema=pa.schema([field])))


def outside_profile() -> dict[str, pa.Array]:
    """By the type's name, a column that the wire profile has no place for."""
    interval = pa.array([pa.MonthDayNano([1, 2, 3])], pa.month_day_nano_interval())
    union = pa.UnionArray.from_dense(pa.array([0], pa.int8()), pa.array([0], pa.int32()), [pa.array([1])])
    return {
        "string_view": pa.array(["a"], pa.string_view()),
        "binary_view": pa.array([b"a"], pa.binary_view()),
        "run_end_encoded": pa.RunEndEncodedArray.from_arrays(pa.array([2], pa.int32()), pa.array([1.5])),
        "union": union,
        "map": pa.array([[("k", 1)]], pa.map_(pa.string(), pa.int32())),
        "interval": interval,
        "list_view": pa.array([[1]], pa.list_view(pa.int32())),
        "large_list_view": pa.array([[1]], pa.large_list_view(pa.int32())),
        "decimal256": pa.array([None], pa.decimal256(50, 2)),
    }


def flips(file: bytes, count: int, seed: int) -> Iterator[bytes]:
    """The file with one bit flipped, ``count`` times."""
    rng = random.Random(seed)
    for _ in range(count):
        data = bytearray(file)
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        yield bytes(data)


def truncations(file: bytes, step: int = 64) -> Iterator[bytes]:
    for size in range(0, len(file), step):
        yield file[:size]


def blocks(file: bytes) -> list[range]:
    """Where batches and dictionaries stand, with the messages that tell where in them the columns are."""
    data = bytearray(file)
    root = _footer(data)
    root += struct.unpack_from("<I", data, root)[0]
    found = []
    for position in (2, 3):
        start = _target(data, root, position)
        for block in range(struct.unpack_from("<I", data, start)[0]):
            offset, metadata, body = struct.unpack_from("<qi4xq", data, start + 4 + 24 * block)
            found.append(range(offset, offset + metadata + body))
    return found


def packed(files: Sequence[bytes]) -> bytes:
    """Many files as one: before each its length, in four bytes."""
    return b"".join(struct.pack("<I", len(file)) + file for file in files)
