"""Files as values: sent as they are, received as a path that carries the user's name."""

from __future__ import annotations

import atexit
import re
import shutil
import tempfile
from pathlib import Path

from landbridge.errors import ValueCannotCross
from landbridge.kinds import Json, SentFile
from landbridge.objects import Sink, Source

# The same as in the gateway and in R.
_FORBIDDEN = re.compile(r"[/\\\x00-\x1f\x7f-\x9f\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff]")
_LONGEST = 255


def encode_file(x: SentFile | Path, sink: Sink, path: str) -> Json:
    """A file node; :class:`ValueCannotCross` when there is no such file."""
    sent = x if isinstance(x, SentFile) else SentFile(x, x.name)
    if not sent.path.is_file():
        raise ValueCannotCross(path, f"there is no file `{sent.path}`", "Give the path of one existing file.")
    if not sent.name or len(sent.name) > _LONGEST or _FORBIDDEN.search(sent.name) or sent.name.endswith(" "):
        raise ValueCannotCross(path, f"`{sent.name}` is no name for a file", "Use a short name without slashes.")
    return {
        "kind": "file",
        "object": sink.put("bin", lambda to: shutil.copyfile(sent.path, to)),
        "name": sent.name,
        "media_type": media_type(sent.name),
        "size": sent.path.stat().st_size,
    }


def media_type(name: str) -> str:
    import mimetypes

    return mimetypes.guess_type(name)[0] or "application/octet-stream"


def decode_file(node: Json, source: Source) -> Path:
    """A read-only file under the user's name: readers that go by the ending need it."""
    name = _FORBIDDEN.sub("_", str(node["name"]))
    if name in ("", ".", ".."):
        name = "file"
    folder = tempfile.mkdtemp(prefix="landbridge-file-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    path = Path(folder) / name
    path.symlink_to(source.path(node["object"]).resolve())
    return path
