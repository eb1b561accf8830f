"""The schema in an Arrow file's footer, read without Arrow: a flatbuffer, see Arrow's ``Schema.fbs`` and ``File.fbs``.

Every offset is checked: a damaged footer raises :class:`BadFooter`, whatever its bytes are.
"""

from __future__ import annotations

import itertools
import struct
from dataclasses import dataclass

_MOST_FIELDS, _MOST_LEVELS = 100_000, 64
_MOST_NAME = 1024**2  # bytes
_BLOCK = struct.Struct("<qi4xq")  # where a message stands, its length, and that of its body
_DECIMAL = 7
_OUTSIDE = {
    11: "interval",
    14: "union",
    17: "map",
    22: "run_end_encoded",
    23: "binary_view",
    24: "string_view",
    25: "list_view",
    26: "large_list_view",
}
_LAST_TYPE = 26


class BadFooter(Exception):
    """What is wrong with the footer."""


@dataclass(frozen=True)
class FieldShape:
    """A field; ``outside`` names its Arrow type if the wire profile has none such, ``extension`` its extension type."""

    name: str
    outside: str | None
    extension: str | None
    children: list[FieldShape]


def footer_of(data: bytes, size: int) -> tuple[bool, list[FieldShape]]:
    """Is the file of ``size`` bytes big endian, and its columns. Raises ``BadFooter``."""
    reader = _Flatbuffer(data)
    schema = reader.table(reader.root(), 1)
    if schema is None:
        raise BadFooter("there is no schema")
    _check_blocks(reader, size)
    return reader.number(schema, 0, 2) == 1, [reader.field(at, 1) for at in reader.tables(schema, 1)]


def _check_blocks(reader: _Flatbuffer, size: int) -> None:
    """No batch or dictionary may lead out of the file or be named twice: that is how small files get endless rows."""
    places = []
    for position in (2, 3):
        for offset, message, body in _BLOCK.iter_unpack(reader.structs(reader.root(), position, _BLOCK.size)):
            if offset < 0 or message < 0 or body < 0 or offset + message + body > size:
                raise BadFooter("a batch leads out of the file")
            places.append((offset, offset + message + body))
    places.sort()
    if any(end > start for (_, end), (start, _) in itertools.pairwise(places)):
        raise BadFooter("batches overlap")


class _Flatbuffer:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self._fields = 0

    def _bytes(self, at: int, size: int) -> bytes:
        if at < 0 or size < 0 or at + size > len(self._data):
            raise BadFooter("an offset leads out of the footer")
        return self._data[at : at + size]

    def _integer(self, at: int, size: int, signed: bool = False) -> int:
        return int.from_bytes(self._bytes(at, size), "little", signed=signed)

    def root(self) -> int:
        return self._integer(0, 4)

    def _slot(self, table: int, position: int) -> int | None:
        """Where a field of a table stands; None when it has its default."""
        vtable = table - self._integer(table, 4, signed=True)
        if 4 + 2 * position >= self._integer(vtable, 2):
            return None
        offset = self._integer(vtable + 4 + 2 * position, 2)
        return table + offset if offset else None

    def number(self, table: int, position: int, size: int, default: int = 0) -> int:
        at = self._slot(table, position)
        return default if at is None else self._integer(at, size)

    def table(self, table: int, position: int) -> int | None:
        at = self._slot(table, position)
        if at is None:
            return None
        offset = self._integer(at, 4)
        if offset == 0:
            raise BadFooter("an offset leads nowhere")
        return at + offset

    def structs(self, table: int, position: int, size: int) -> bytes:
        start = self.table(table, position)
        return b"" if start is None else self._bytes(start + 4, size * self._integer(start, 4))

    def tables(self, table: int, position: int) -> list[int]:
        start = self.table(table, position)
        if start is None:
            return []
        count = self._integer(start, 4)
        self._bytes(start + 4, 4 * count)
        if count > _MOST_FIELDS:
            raise BadFooter("there are too many fields")
        places = [start + 4 + 4 * i for i in range(count)]
        return [at + self._integer(at, 4) for at in places]

    def text(self, table: int, position: int) -> str:
        start = self.table(table, position)
        if start is None:
            return ""
        length = self._integer(start, 4)
        if length > _MOST_NAME:
            raise BadFooter("a name is too long")
        try:
            return self._bytes(start + 4, length).decode()
        except UnicodeDecodeError:
            raise BadFooter("a name is not valid UTF-8") from None

    def field(self, at: int, level: int) -> FieldShape:
        self._fields += 1
        if self._fields > _MOST_FIELDS or level > _MOST_LEVELS:
            raise BadFooter("there are too many fields")
        return FieldShape(
            self.text(at, 0),
            self._outside(at),
            self._extension(at),
            [self.field(child, level + 1) for child in self.tables(at, 5)],
        )

    def _outside(self, field: int) -> str | None:
        kind = self.number(field, 2, 1)
        if not 0 < kind <= _LAST_TYPE:
            raise BadFooter(f"there is no type {kind}")
        told = self.table(field, 3)
        if kind == _DECIMAL and told is not None:
            bits = self.number(told, 2, 4, 128)
            return None if bits == 128 else f"decimal{bits}"
        return _OUTSIDE.get(kind)

    def _extension(self, field: int) -> str | None:
        found = [self.text(pair, 1) for pair in self.tables(field, 6) if self.text(pair, 0) == "ARROW:extension:name"]
        return found[0] if found else None
