"""The values that a job was given: one that it returns unchanged is the value that was sent, to its last attribute.

A single value is known by being that very object, if its node has facts for which this language has no place.
"""

from __future__ import annotations

import hashlib
import tempfile
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

from landbridge.errors import ValueCannotCross
from landbridge.kinds import Json
from landbridge.objects import Crossing, Source

_KINDS = ("vector", "array", "list")


class GivenValues:
    """Vectors, arrays and lists by their identity, with the nodes that they came as. Frames have their hints."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._held: dict[int, tuple[Callable[[], Any], Json]] = {}

    def remember(self, value: Any, node: Json) -> None:
        if node["kind"] not in _KINDS and not (node["kind"] == "scalar" and node.get("tags")):
            return
        try:
            held: Callable[[], Any] = weakref.ref(value)
        except TypeError:

            def held() -> Any:
                return value

        self._held[id(value)] = (held, node)
        if node["kind"] == "list":
            from landbridge.values import pairs_of

            for (_, part), (_, inner) in zip(pairs_of(value)[1] or [], node["items"], strict=False):
                self.remember(part, inner)

    def node_of(self, x: Any) -> Json | None:
        """The node as which ``x`` was given, if it is that very object and nothing in it was changed."""
        held, node = self._held.get(id(x), (None, None))
        if held is None or node is None or held() is not x:
            return None
        from landbridge.values import decode

        try:
            same = _fingerprint(x) == _fingerprint(decode(node, self._source, trust=True))
        except ValueCannotCross:
            # Something was put into it that cannot cross: the error names it where it stands.
            return None
        return node if same else None


def _fingerprint(x: Any) -> Json:
    from landbridge.values import encode

    return encode(x, _DigestSink(), "value")


class _DigestSink:
    """Names files by what is in them, and keeps none."""

    written = 0
    crossing: Crossing | None = None

    def put(self, extension: str, write: Callable[[Path], object]) -> str:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / f"value.{extension}"
            write(path)
            with path.open("rb") as file:
                return f"new:{hashlib.file_digest(file, 'sha256').hexdigest()}"
