"""Arrow types from their text, as frames' columns and hints carry it."""

from __future__ import annotations

import re

import pyarrow as pa

_PLAIN = {
    "null": pa.null(),
    "bool": pa.bool_(),
    **{str(kind): kind for kind in (pa.int8(), pa.int16(), pa.int32(), pa.int64())},
    **{str(kind): kind for kind in (pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64())},
    **{str(kind): kind for kind in (pa.float32(), pa.float64(), pa.string(), pa.large_string())},
    **{str(kind): kind for kind in (pa.binary(), pa.large_binary(), pa.date32(), pa.time64("us"))},
    **{f"duration[{unit}]": pa.duration(unit) for unit in ("s", "ms", "us", "ns")},
}
_TIMESTAMP = re.compile(r"timestamp\[(s|ms|us|ns)(?:, tz=(.+))?\]")
_DECIMAL = re.compile(r"decimal128\((\d+), (-?\d+)\)")
# R's arrow prints the flag alone, and nothing where it is not set.
_DICTIONARY = re.compile(r"dictionary<values=(\w+), indices=(\w+)(, ordered(?:=1)?)?(?:, ordered=0)?>")
_FIXED = re.compile(r"(fixed_size_list<.*>)\[(\d+)\]")
_NESTED = re.compile(r"(list|large_list|fixed_size_list|struct)<(.*)>")


def type_of_text(text: str) -> pa.DataType | None:
    """The type of the wire profile that prints as ``text``; None for any other."""
    found = _PLAIN.get(text) or _with_parameters(text)
    if found is None or pa.types.is_dictionary(found):
        return found
    # A reading that prints otherwise has missed something.
    return found if str(found) == text else None


def _with_parameters(text: str) -> pa.DataType | None:
    if match := _TIMESTAMP.fullmatch(text):
        return pa.timestamp(match[1], match[2])
    if match := _DECIMAL.fullmatch(text):
        return pa.decimal128(int(match[1]), int(match[2]))
    if match := _DICTIONARY.fullmatch(text):
        index, values = type_of_text(match[2]), type_of_text(match[1])
        return pa.dictionary(index, values, bool(match[3])) if index is not None and values is not None else None
    size = None
    if match := _FIXED.fullmatch(text):
        text, size = match[1], int(match[2])
    match = _NESTED.fullmatch(text)
    fields = [_field(part) for part in _parts(match[2])] if match else []
    if match is None or any(field is None for field in fields):
        return None
    if match[1] == "struct":
        return pa.struct(fields)
    if len(fields) != 1:
        return None
    if match[1] == "fixed_size_list":
        return pa.list_(fields[0], size) if size is not None else None
    return pa.large_list(fields[0]) if match[1] == "large_list" else pa.list_(fields[0])


def _field(text: str) -> pa.Field | None:
    name, colon, kind = text.partition(": ")
    found = type_of_text(kind.removesuffix(" not null")) if colon else None
    return None if found is None else pa.field(name, found, nullable=not kind.endswith(" not null"))


def _parts(text: str) -> list[str]:
    """The text split at commas outside brackets."""
    parts, depth, start = [], 0, 0
    for position, letter in enumerate(text):
        depth += (letter in "<[(") - (letter in ">])")
        if letter == "," and not depth:
            parts.append(text[start:position])
            start = position + 2
    return [*parts, text[start:]] if text else []
