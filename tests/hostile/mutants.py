"""Arrow files made wrong on purpose: bits, cuts, and every number of their messages and offsets set to nasty values."""

from __future__ import annotations

import struct
from collections.abc import Iterator

import pyarrow as pa
from pyarrow import ipc

from tests.conformance import hostile_files as hostile

NASTY = (-(2**63), -(2**31), -1, 0, 1, 3, 2**31 - 1, 2**31, 2**40, 2**63 - 1)
CANARY = "a3f1-what-was-there-before"

SMALL = pa.table({"n": pa.array([1, None], pa.int32())})
MIXED = pa.table(
    {
        "s": ["a", "bcd", None, "ü"],
        "f": pa.array(["u", "v", "u", None]).dictionary_encode(),
        "l": pa.array([[1.5, 2], [], None, [3]]),
        "b": pa.array([b"\0", b"", None, b"xyz"]),
        "t": pa.array([1, None, 3, 4], pa.timestamp("ns", "UTC")),
        "y": pa.array([True, None, False, True]),
    }
)


def bits(file: bytes) -> Iterator[bytes]:
    """Every single bit flipped."""
    for at in range(8 * len(file)):
        data = bytearray(file)
        data[at // 8] ^= 1 << at % 8
        yield bytes(data)


def cuts(file: bytes) -> Iterator[bytes]:
    """Cut at every byte."""
    return (file[:size] for size in range(len(file)))


def with_numbers(file: bytes, places: Iterator[tuple[int, int]]) -> Iterator[bytes]:
    """Each number, given by its place and its size, set to each nasty value that fits."""
    for at, size in places:
        for value in NASTY:
            if -(2 ** (8 * size - 1)) <= value < 2 ** (8 * size - 1):
                yield file[:at] + value.to_bytes(size, "little", signed=True) + file[at + size :]


def message_numbers(file: bytes) -> Iterator[tuple[int, int]]:
    """Lengths, null counts and buffers of all batches and dictionaries, and the blocks of the footer."""
    data = bytearray(file)
    root = footer(file)
    for position in (2, 3):
        start = hostile._target(data, root, position)
        for block in range(struct.unpack_from("<I", data, start)[0]):
            at = start + 4 + 24 * block
            yield from ((at, 8), (at + 8, 4), (at + 16, 8))
            yield from _of_message(data, struct.unpack_from("<q", data, at)[0] + 8)


def _of_message(data: bytearray, message: int) -> Iterator[tuple[int, int]]:
    table = message + struct.unpack_from("<I", data, message)[0]
    batch = hostile._target(data, table, 2)
    if data[hostile._slot(data, table, 1)] == 2:  # a dictionary has its batch inside
        batch = hostile._target(data, batch, 1)
    yield hostile._slot(data, batch, 0), 8
    for position in (1, 2):
        start = hostile._target(data, batch, position)
        for number in range(2 * struct.unpack_from("<I", data, start)[0]):
            yield start + 4 + 8 * number, 8


def body_numbers(file: bytes) -> Iterator[tuple[int, int]]:
    """The four-byte numbers of all bodies: offsets of text and lists, and codes of factors, among them."""
    data = bytearray(file)
    start = hostile._target(data, footer(file), 3)
    for block in range(struct.unpack_from("<I", data, start)[0]):
        offset, metadata, body = struct.unpack_from("<qi4xq", data, start + 4 + 24 * block)
        yield from ((at, 4) for at in range(offset + metadata, offset + metadata + body, 4))


def footer(file: bytes) -> int:
    root = hostile._footer(bytearray(file))
    return int(root + struct.unpack_from("<I", file, root)[0])


def huge_claim(codec: str) -> bytes:
    """A compressed buffer that says it holds 100 GB."""
    table = pa.table({"x": [7] * 4096})
    file = hostile.arrow_file(table, compression=codec)
    magic = {"zstd": b"\x28\xb5\x2f\xfd", "lz4": b"\x04\x22\x4d\x18"}[codec]
    at = file.index(magic) - 8
    assert struct.unpack_from("<q", file, at)[0] == 8 * 4096
    return file[:at] + struct.pack("<q", 100 * 10**9) + file[at + 8 :]


def without_dictionaries(file: bytes) -> bytes:
    """The footer lists no dictionary."""
    data = bytearray(file)
    struct.pack_into("<I", data, hostile._target(data, footer(file), 2), 0)
    return bytes(data)


def batch_for_dictionary(file: bytes) -> bytes:
    """The block of the dictionary leads to the batch, and that of the batch to the dictionary."""
    data, root = bytearray(file), footer(file)
    one, other = (hostile._target(data, root, position) + 4 for position in (2, 3))
    data[one : one + 24], data[other : other + 24] = data[other : other + 24], data[one : one + 24]
    return bytes(data)


def old_version(file: bytes) -> bytes:
    """The footer says version 1 (V2) of the format, in whose time there were other buffers."""
    data = bytearray(file)
    struct.pack_into("<H", data, hostile._slot(data, footer(file), 0), 1)
    return bytes(data)


def new_version(file: bytes) -> bytes:
    data = bytearray(file)
    struct.pack_into("<H", data, hostile._slot(data, footer(file), 0), 9)
    return bytes(data)


def repeated_batch(file: bytes, times: int) -> bytes:
    """A footer whose one batch stands there many times: a small file with endless rows."""
    offset, metadata, body = next(_blocks(file))
    return forged(file[: offset + metadata + body], times, struct.pack("<qi4xq", offset, metadata, body), [("n", [])])


def _blocks(file: bytes) -> Iterator[tuple[int, int, int]]:
    data = bytearray(file)
    start = hostile._target(data, footer(file), 3)
    for block in range(struct.unpack_from("<I", data, start)[0]):
        yield struct.unpack_from("<qi4xq", data, start + 4 + 24 * block)


Tree = list[tuple[str, "Tree"]]


def forged(before: bytes, times: int, block: bytes, fields: Tree, width: int = 1, name: str | None = None) -> bytes:
    """A file with a footer of our own: ``times`` blocks, and the fields, the last of them ``width`` times."""
    builder = _Builder()
    footer_at = builder.place_table([("H", 4), ("o", None), ("o", None), ("o", None)])
    schema = builder.place_table([("H", 0), ("o", None)])
    builder.point(footer_at, 1, schema)
    builder.point(footer_at, 2, builder.place(struct.pack("<I", 0), 4))
    builder.point(footer_at, 3, builder.place(struct.pack("<I", times), 4, shift=4, rest=block * times))
    _place_fields(builder, schema, 1, fields, width, name)
    data = builder.finished(footer_at)
    return before + data + struct.pack("<i", len(data)) + b"ARROW1"


def _place_fields(builder: _Builder, table: int, slot: int, fields: Tree, width: int, name: str | None) -> None:
    repeated = [*fields[:-1], *fields[-1:] * width]
    vector = builder.place(struct.pack("<I", len(repeated)) + bytes(4 * len(repeated)), 4)
    builder.point(table, slot, vector)
    placed: dict[int, int] = {}
    for number, field in enumerate(repeated):
        if id(field) not in placed:
            placed[id(field)] = _place_field(builder, field, name)
        at = vector + 4 + 4 * number
        struct.pack_into("<I", builder.data, at, placed[id(field)] - at)


def _place_field(builder: _Builder, field: tuple[str, Tree], name: str | None) -> int:
    # name, nullable, kind of type, type, dictionary, children
    text, children = field
    kind = 12 if children else 2
    table = builder.place_table([("o", None), ("B", 1), ("B", kind), ("o", None), ("-", None), ("o", None)])
    raw = (name or text).encode()
    builder.point(table, 0, builder.place(struct.pack("<I", len(raw)) + raw + b"\0", 4))
    inner = builder.place_table([] if children else [("I", 32), ("B", 1)])
    builder.point(table, 3, inner)
    _place_fields(builder, table, 5, children, 1, name)
    return table


class _Builder:
    """A flatbuffer written forwards."""

    def __init__(self) -> None:
        self.data = bytearray(8)
        self.slots: dict[int, list[int]] = {}

    def place(self, content: bytes, align: int, shift: int = 0, rest: bytes = b"") -> int:
        """``shift`` bytes after the place, what follows is aligned to eight."""
        self.data += bytes(-(len(self.data) + shift) % (8 if shift else align))
        at = len(self.data)
        self.data += content + rest
        return at

    def place_table(self, fields: list[tuple[str, int | None]]) -> int:
        sizes = {"H": 2, "B": 1, "I": 4, "o": 4}
        offsets, at = [], 4
        for kind, _ in fields:
            size = sizes.get(kind, 0)
            at += -at % size if size else 0
            offsets.append(at if size else 0)
            at += size
        vtable = struct.pack(f"<HH{len(fields)}H", 4 + 2 * len(fields), at, *offsets)
        place = self.place(vtable, 4)
        self.data += bytes(-len(self.data) % 4)
        table = len(self.data)
        self.data += struct.pack("<i", table - place) + bytes(at - 4)
        for (kind, value), offset in zip(fields, offsets, strict=True):
            if value is not None:
                struct.pack_into(f"<{kind}", self.data, table + offset, value)
        self.slots[table] = [table + offset for offset in offsets]
        return table

    def point(self, table: int, slot: int, target: int) -> None:
        at = self.slots[table][slot]
        struct.pack_into("<I", self.data, at, target - at)

    def finished(self, root: int) -> bytes:
        struct.pack_into("<I", self.data, 0, root)
        self.data += bytes(-len(self.data) % 8)
        return bytes(self.data)


def nested(levels: int) -> Tree:
    tree: Tree = [("x", [])]
    for _ in range(levels):
        tree = [("x", tree)]
    return tree


def stream_without_end() -> bytes:
    return hostile.arrow_stream(hostile.TABLE)[:-8]


def file_cut_before_footer() -> bytes:
    """What a writer leaves that died before it closed the file."""
    out = pa.BufferOutputStream()
    writer = ipc.new_file(out, SMALL.schema)
    writer.write_table(SMALL)
    return bytes(out.getvalue())
