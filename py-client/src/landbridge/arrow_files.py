"""Arrow files that somebody else wrote: checked before a value is made of them.

A file that is no Arrow file, is damaged, holds a type outside the wire profile, or disagrees with its node is refused
by :class:`~landbridge.errors.ValueCannotCross`, in the same sentences as in R. The schema is read from the file's
footer without Arrow, so that a type for which a reader has no code is named and never touched.
"""

from __future__ import annotations

import json
import math
import os
import re
from pathlib import Path
from typing import Any

import pyarrow as pa

from landbridge.arrow_footer import BadFooter, FieldShape, footer_of
from landbridge.errors import ValueCannotCross
from landbridge.kinds import Json
from landbridge.mapped_numbers import private_map

_MAGIC = b"ARROW1"
_BEFORE_SCHEMA = 8
_KINDS: tuple[tuple[bytes, str], ...] = (
    (b"PAR1", "a Parquet file"),
    (b"\x89PNG", "a PNG picture"),
    (b"\xff\xd8\xff", "a JPEG picture"),
    (b"\xff\xff\xff\xff", "an Arrow stream"),
    (b"FEA1", "a Feather file of version 1"),
    (b"%PDF", "a PDF document"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"\x1f\x8b", "a gzip file"),
    (b"\x28\xb5\x2f\xfd", "a zstd file"),
)
_DAMAGED = "it is a damaged Arrow file"
_SEND = "Send the table itself, or send the file as a file with as_file()."
_AGAIN = "Write the file anew and send it again."
_CAST = "Cast the column to another type before it is sent."
_PLAIN = "Write the file uncompressed."
_DESCRIPTOR: dict[str, tuple[type, ...]] = {
    "class": (str,),
    "names": (list,),
    "columns": (dict,),
    "row_names": (str,),
    "rows": (int,),
    "library": (dict,),
    "hint": (dict,),
}
# A worker reads a frame of the other language twice: for its verdicts, and for its value.
_LOOKED_THROUGH: set[tuple[str, int, int]] = set()


def checked_table(path: Path, node: Json | None = None) -> pa.Table:
    """The table of an Arrow IPC file, mapped rather than read, after all checks.

    ``node`` is the frame, vector or array node that names the file; with it names, counts and rows must agree.
    Raises ``ValueCannotCross``.
    """
    check_file(path)
    if node is not None:
        _check_descriptor(path, node)
    try:
        mapped = pa.BufferReader(private_map(path))
        # The file has its schema twice: before the batches, as a stream has it, and in the footer.
        mapped.seek(_BEFORE_SCHEMA)
        first = pa.ipc.read_schema(mapped)
        table = pa.ipc.open_file(mapped).read_all()
    except (pa.ArrowException, OSError, ValueError, MemoryError) as problem:
        raise _unreadable(path, str(problem)) from None
    if not first.equals(table.schema):
        raise _refusal(path, _DAMAGED, _AGAIN)
    _check_content(path, table)
    if node is not None:
        _check_agreement(path, table, node)
    return _without_strange_keys(table)


def _without_strange_keys(table: pa.Table) -> pa.Table:
    """Libraries would act on their own keys, such as `pandas`; what counts of these is in the descriptor."""
    ours = (table.schema.metadata or {}).get(b"landbridge")
    return table.replace_schema_metadata(None if ours is None else {b"landbridge": ours})


def _unreadable(path: Path, problem: str) -> ValueCannotCross:
    if re.search("codec|compress", problem, re.IGNORECASE):
        return _refusal(path, "it is compressed with a codec that is not available here", _PLAIN, cause=problem)
    return _refusal(path, _DAMAGED, _AGAIN, cause=problem)


def check_file(path: Path) -> None:
    """Is it an Arrow file of the wire profile, as far as its first bytes and its footer tell?"""
    with path.open("rb") as file:
        start = file.read(8)
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - 10))
        end = file.read(10)
        if not start.startswith(_MAGIC):
            raise _refusal(path, f"it is {_kind(start)}, not an Arrow file", _SEND)
        if len(end) < 10 or not end.endswith(_MAGIC):
            raise _refusal(path, "it is a truncated Arrow file", _AGAIN)
        length = int.from_bytes(end[:4], "little", signed=True)
        if not 0 < length <= size - 18:
            raise _refusal(path, _DAMAGED, _AGAIN)
        file.seek(size - 10 - length)
        footer = file.read(length)
    try:
        big_endian, fields = footer_of(footer, size)
    except BadFooter as problem:
        raise _refusal(path, _DAMAGED, _AGAIN, cause=str(problem)) from None
    if big_endian:
        raise _refusal(path, "its numbers are big endian", "Write the file on a little endian machine.")
    for field in fields:
        _check_field(path, field.name, field)


def _kind(start: bytes) -> str:
    if not start:
        return "an empty file"
    return next((name for magic, name in _KINDS if start.startswith(magic)), "something else")


def _check_field(path: Path, column: str, field: FieldShape) -> None:
    if field.extension is not None:
        reason = f"the extension type `{field.extension}` is not part of the wire profile"
        raise _refusal(path, reason, "Send the storage of the column.", column)
    if field.outside is not None:
        raise _refusal(path, f"the Arrow type `{field.outside}` is not part of the wire profile", _CAST, column)
    for child in field.children:
        _check_field(path, column, child)


def _check_content(path: Path, table: pa.Table) -> None:
    """Offsets, indices of dictionaries, text: everything that a reader would trust. A file is looked through once."""
    status = path.stat()
    known = (str(path), status.st_mtime_ns, status.st_size)
    if known in _LOOKED_THROUGH:
        return
    for name, column in zip(table.column_names, table.columns, strict=True):
        try:
            column.validate(full=True)
        except (pa.ArrowException, ValueError, OSError) as problem:
            raise _bad_content(path, name, column.num_chunks, str(problem)) from None
        if pa.types.is_dictionary(column.type) and column.num_chunks:
            levels = column.chunk(0).dictionary
            if len(levels.unique()) < len(levels):
                raise _refusal(path, _DAMAGED, _AGAIN, cause="two levels of a factor are the same")
    _LOOKED_THROUGH.add(known)


def _bad_content(path: Path, column: str, chunks: int, problem: str) -> ValueCannotCross:
    found = re.search(r"Invalid UTF8 sequence at string index (\d+)", problem)
    if not found:
        return _refusal(path, "its content is damaged", _AGAIN, column, cause=problem)
    if chunks > 1:
        return _refusal(path, "its text is not valid UTF-8", _AGAIN, column)
    row = int(found[1]) + 1
    return _refusal(path, f"its text is not valid UTF-8 (row {row})", _AGAIN, column, row=row)


def _check_descriptor(path: Path, node: Json) -> None:
    descriptor = node.get("descriptor")
    if node.get("kind") != "frame":
        return
    if not isinstance(descriptor, dict):
        raise _refusal(path, "its descriptor is no object", _AGAIN)
    for name, kinds in _DESCRIPTOR.items():
        value = descriptor.get(name)
        if value not in (None, []) and (not isinstance(value, kinds) or isinstance(value, bool)):
            raise _refusal(path, f"`{name}` of its descriptor is of the wrong type", _AGAIN)
    names = descriptor.get("names") or []
    if not all(name is None or isinstance(name, str) for name in names):
        raise _refusal(path, "`names` of its descriptor is of the wrong type", _AGAIN)


def _check_agreement(path: Path, table: pa.Table, node: Json) -> None:
    if node.get("kind") == "frame":
        rows, said = node.get("rows"), node.get("columns")
        if isinstance(said, list):
            _check_names(path, table.column_names, [one.get("name") for one in said])
    else:
        rows = math.prod(node["shape"]) if "shape" in node else node.get("n")
        if table.num_columns != 1:
            raise _refusal(path, f"its file has {table.num_columns} columns where its node has 1", _AGAIN)
    # A table without columns has no rows of its own.
    if rows is not None and table.num_columns and table.num_rows != rows:
        raise _refusal(path, f"its file has {table.num_rows} rows where its node has {rows}", _AGAIN)


def _check_names(path: Path, found: list[str], said: list[Any]) -> None:
    if len(found) != len(said):
        raise _refusal(path, f"its file has {len(found)} columns where its node has {len(said)}", _AGAIN)
    for position, (name, other) in enumerate(zip(found, said, strict=True), 1):
        if name != other:
            reason = f"column {position} of its file is `{name}` where its node has `{other}`"
            raise _refusal(path, reason, _AGAIN)


def _refusal(path: Path, reason: str, hint: str, column: str | None = None, **detail: Any) -> ValueCannotCross:
    label = argument_of(path)
    if column is None:
        return ValueCannotCross(label, reason, hint, **detail)
    return ValueCannotCross(f'{label}["{column}"]', reason, hint, column=column, **detail)


def argument_of(path: Path) -> str:
    """How the job calls the value of this file: the argument's name or position, a free name, else ``result``."""
    folder = os.environ.get("LANDBRIDGE_JOB_FOLDER")
    document = Path(folder, "job.json") if folder else None
    if document is None or not document.exists():
        return "result"
    job = json.loads(document.read_text(encoding="utf-8"))
    for position, (key, node) in enumerate(job["values"]["items"], 1):
        if _names_object(node, path.stem):
            return str(key or position)
    return _free_name(job["task"]["function"], path.stem) or "result"


def _free_name(function: Json, reference: str) -> str | None:
    for free in function.get("free") or []:
        if _names_object(free.get("value"), reference):
            return str(free["name"])
        found = _free_name(free.get("source") or {}, reference)
        if found:
            return found
    return None


def _names_object(node: Any, reference: str) -> bool:
    if not isinstance(node, dict):
        return False
    if node.get("object") == reference:
        return True
    return any(_names_object(item[1], reference) for item in node.get("items") or [])
