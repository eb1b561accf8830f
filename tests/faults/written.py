"""What a traced installation wrote, kept apart by what a power cut would leave of it.

``strace`` writes down each call that changes a file or a folder, and each that waits for the disk. Replayed, they give
the tree as a power cut at any moment could leave it: bytes that nobody waited for are gone; and names that nobody
waited for are gone too (as the standard allows), or are all there (as a journal that writes names alone leaves them).
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

CALLS = (
    "openat,write,pwrite64,writev,lseek,rename,renameat,renameat2,link,linkat,symlinkat,unlink,unlinkat,mkdir,mkdirat,"
    "rmdir,ftruncate,fsync,fdatasync,sendto"
)
_LINE = re.compile(r"(?P<pid>\d+) +(?P<call>\w+)\((?P<rest>.*)")
_RESUMED = re.compile(r"(?P<pid>\d+) +<\.\.\. \w+ resumed>(?P<rest>.*)")
_UNFINISHED = " <unfinished ...>"
_TEXT = re.compile(r'"([^"]*)"')
_OPEN_FILE = re.compile(r"^(?:AT_FDCWD|-?\d+)<((?:\\x[0-9a-f]{2}|[^>\\])*)>")


def strace(log: Path) -> list[str]:
    return ["strace", "-f", "--seccomp-bpf", "-y", "-xx", "-s", "16000000", "-o", str(log), "-e", f"trace={CALLS}"]


@dataclass(frozen=True)
class Call:
    name: str
    file: str  # that its first argument names as an open one
    texts: tuple[bytes, ...]
    arguments: str
    result: int


def calls(log: Path) -> Iterator[Call]:
    """Those that succeeded, in the order in which they ended."""
    begun: dict[str, str] = {}
    with log.open() as lines:
        for line in lines:
            line = line.rstrip("\n")
            if resumed := _RESUMED.match(line):
                line = begun.pop(resumed["pid"], "") + resumed["rest"]
            elif line.endswith(_UNFINISHED):
                begun[line.partition(" ")[0]] = line.removesuffix(_UNFINISHED)
                continue
            if call := _parsed(line):
                yield call


def _parsed(line: str) -> Call | None:
    found = _LINE.match(line)
    if not found:
        return None
    arguments, _, result = found["rest"].rpartition(" = ")
    arguments = arguments.rstrip().removesuffix(")")
    number = re.match(r"-?\d+", result)
    if not number or int(number[0]) < 0:
        return None
    file = _OPEN_FILE.match(arguments)
    texts = tuple(_bytes(text) for text in _TEXT.findall(arguments))
    return Call(found["call"], _bytes(file[1]).decode() if file else "", texts, arguments, int(number[0]))


def _bytes(text: str) -> bytes:
    return bytes.fromhex(text.replace("\\x", "")) if text.startswith("\\x") else text.encode()


@dataclass
class Node:
    """A file: what is in it (None where somebody wrote it who is not traced), and what of that is on the disk."""

    data: bytearray | None = field(default_factory=bytearray)
    synced: bytes | None = None
    position: int = 0
    whole: bool = False  # somebody waited for a file that was written elsewhere


class Disk:
    """Everything below one folder."""

    def __init__(self, root: Path) -> None:
        self.root = str(root)
        self.names: dict[str, Node | None] = {}  # a folder has no node
        self.durable: dict[str, Node | None] = {}

    def take(self, call: Call) -> None:
        """What the call did to this folder."""
        action = getattr(self, f"_{call.name}", None)
        if action:
            action(call)

    def _ours(self, path: str) -> bool:
        return path.startswith(self.root)

    def _paths(self, call: Call) -> list[str]:
        # Folders that are named as open ones are not used by what is traced here: paths are absolute or of no interest.
        return [text.decode() for text in call.texts]

    def _openat(self, call: Call) -> None:
        path = self._paths(call)[0]
        if not path.startswith("/"):
            folder = _OPEN_FILE.match(call.arguments)
            path = f"{_bytes(folder[1]).decode()}/{path}" if folder else path
        if not self._ours(path):
            return
        node = self.names.get(path)
        if node is None and "O_CREAT" in call.arguments:
            self.names[path] = node = Node()
        if node is not None and "O_DIRECTORY" not in call.arguments:
            node.position = len(node.data or b"") if "O_APPEND" in call.arguments else 0
            if "O_TRUNC" in call.arguments and node.data is not None:
                del node.data[:]

    def _at(self, call: Call, offset: int, data: bytes) -> None:
        node = self.names.get(call.file)
        if node is None or node.data is None:
            return
        if offset > len(node.data):
            node.data.extend(bytes(offset - len(node.data)))
        node.data[offset : offset + len(data)] = data

    def _write(self, call: Call) -> None:
        node = self.names.get(call.file)
        if node is not None:
            data = b"".join(call.texts)[: call.result]
            self._at(call, node.position, data)
            node.position += len(data)

    _writev = _write

    def _pwrite64(self, call: Call) -> None:
        self._at(call, int(call.arguments.rpartition(", ")[2]), call.texts[0][: call.result])

    def _lseek(self, call: Call) -> None:
        if (node := self.names.get(call.file)) is not None:
            node.position = call.result

    def _ftruncate(self, call: Call) -> None:
        size = int(call.arguments.rpartition(", ")[2])
        node = self.names.get(call.file)
        if node is not None and node.data is not None:
            del node.data[size:]
            node.data.extend(bytes(size - len(node.data)))

    def _rename(self, call: Call) -> None:
        source, target = self._paths(call)[:2]
        if self._ours(target):
            for path in [path for path in self.names if path == source or path.startswith(source + "/")]:
                self.names[target + path[len(source) :]] = self.names.pop(path)
            # What a client wrote that is not traced.
            self.names.setdefault(target, Node(data=None))

    _renameat = _renameat2 = _rename

    def _link(self, call: Call) -> None:
        source, target = self._paths(call)[:2]
        if self._ours(target):
            self.names[target] = self.names.get(source) or Node(data=None)

    _linkat = _link

    def _unlink(self, call: Call) -> None:
        path = self._paths(call)[0]
        if not path.startswith("/"):
            path = f"{call.file}/{path}"
        self.names.pop(path, None)

    _unlinkat = _rmdir = _unlink

    def _mkdir(self, call: Call) -> None:
        if self._ours(self._paths(call)[-1]):
            self.names[self._paths(call)[-1]] = None

    _mkdirat = _mkdir

    def _fsync(self, call: Call) -> None:
        path = call.file
        node = self.names.get(path)
        if node is not None:
            node.synced = None if node.data is None else bytes(node.data)
            node.whole = node.data is None
            return
        here = {name for name in self.names if name.rpartition("/")[0] == path}
        for name in [name for name in self.durable if name.rpartition("/")[0] == path and name not in here]:
            del self.durable[name]
        self.durable |= {name: self.names[name] for name in here}

    def _fdatasync(self, call: Call) -> None:
        if self.names.get(call.file) is not None:
            self._fsync(call)

    # After a power cut.

    def left(self, target: Path, all_names: bool) -> None:
        """Write down what is left of the record and its objects, with ``target`` in the place of the folder."""
        shutil.rmtree(target, ignore_errors=True)
        names = self.names if all_names else self._reachable()
        for path in sorted(names):
            node, place = names[path], Path(f"{target}{path[len(self.root) :]}")
            if node is None:
                place.mkdir(parents=True, exist_ok=True)
            elif "/depot/objects/" in path or Path(path).name in ("landbridge.db", "landbridge.db-wal"):
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_bytes(self._bytes_of(path, node))

    def _reachable(self) -> dict[str, Node | None]:
        found: dict[str, Node | None] = {}
        for path in sorted(self.durable):
            parent = path.rpartition("/")[0]
            if path == self.root or parent in found or not self._ours(parent):
                found[path] = self.durable[path]
        return found

    @staticmethod
    def _bytes_of(path: str, node: Node) -> bytes:
        if node.whole:
            return Path(path).read_bytes()
        if node.synced is not None:
            return node.synced
        return bytes(node.data or b"")[: len(node.data or b"") // 2]


def told(call: Call) -> dict:
    """The document of an answer that was sent whole."""
    if call.name != "sendto" or not call.texts or not call.texts[0].startswith(b"HTTP/1.1 20"):
        return {}
    try:
        document = json.loads(call.texts[0][: call.result].partition(b"\r\n\r\n")[2])
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}
