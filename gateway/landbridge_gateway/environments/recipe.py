"""The recipe of an image: the files and arguments that its build gets, and the tag that follows from them."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from landbridge_gateway.environments.runtimes import Base, Runtime

NAMESPACE = "landbridge"
CLIENT_FOLDERS = {"python": "py-client", "r": "r-client"}
_BRIDGE_PYTHON = "/opt/python/bin/python3"

# What lies in a client's folder and is not installed: a change there must not rebuild an image.
_TOP_LEVEL_LEFT_OUT = {"tests", "vignettes", "docs", "build", "dist"}
_LEFT_OUT_SUFFIXES = {".pyc", ".egg-info", ".Rcheck", ".gz"}


@dataclass(frozen=True)
class File:
    content: bytes
    executable: bool = False


@dataclass(frozen=True)
class Recipe:
    """``files`` by their path in the build context. What a build takes from the host alone is no part of it."""

    repository: str
    files: Mapping[str, File]
    arguments: Mapping[str, str] = field(default_factory=dict)

    @property
    def hash(self) -> str:
        """16 hex digits over every file and argument."""
        described = {
            "files": {path: [_sha256(file.content), file.executable] for path, file in self.files.items()},
            "arguments": dict(self.arguments),
        }
        return _sha256(json.dumps(described, sort_keys=True).encode())[:16]

    @property
    def tag(self) -> str:
        return f"{self.repository}:{self.hash}"


def base_recipe(base: Base, containers: Path, image: str, namespace: str = NAMESPACE) -> Recipe:
    """The layer below all runtimes. ``image`` is the base's own choice, or what the settings put in its place."""
    files = {path.name: _file(path) for path in sorted((containers / "base").iterdir()) if path.is_file()}
    return Recipe(f"{namespace}/base", files, {"BASE": image, "SUITE": base.suite, "APT_PACKAGES": " ".join(base.apt)})


def network_recipe(below: Recipe, containers: Path) -> Recipe:
    """What holds the network of a job that may reach out."""
    files = {path.name: _file(path) for path in sorted((containers / "network").iterdir()) if path.is_file()}
    return Recipe(f"{below.repository.partition('/')[0]}/network", files, {"BASE": below.tag})


def runtime_recipe(runtime: Runtime, below: Recipe, containers: Path, clients: Mapping[str, Path]) -> Recipe:
    """``clients`` has the folder of each language's client package."""
    folder = containers / runtime.language
    if runtime.united and not folder.is_dir():
        # One that somebody added, for packages of their own, is made as ours is.
        folder = containers / "polyglot"
    files = {
        "Dockerfile": _file(folder / "Dockerfile"),
        **{path.name: _file(path) for path in sorted(folder.iterdir()) if path.is_file()},
        "requirements.txt": File(_lines(runtime.pip)),
        "build.txt": File(_lines(runtime.pip_build)),
    }
    for language in runtime.versions:
        place = f"client/{language}" if runtime.united else "client"
        files |= {f"{place}/{path}": file for path, file in _client_files(clients[language]).items()}
    arguments = {
        "BASE": below.tag,
        **_version_arguments(runtime),
        "APT_PACKAGES": " ".join(runtime.apt),
        "APT_BUILD_PACKAGES": " ".join(runtime.apt_build),
    }
    if runtime.apt_unstable:
        arguments["UNSTABLE_PACKAGES"] = " ".join(runtime.apt_unstable)
    name = runtime.name.replace(":", "-")
    return Recipe(f"{below.repository.partition('/')[0]}/{name}", files, arguments)


def _version_arguments(runtime: Runtime) -> dict[str, str]:
    if not runtime.united:
        # Where R has no arrow, Python packages are those of the bridge.
        bridge = {"BRIDGE_PYTHON": _BRIDGE_PYTHON} if runtime.language == "r" and runtime.pip else {}
        return {"VERSION": runtime.version, **bridge}
    return {f"{language.upper()}_VERSION": version for language, version in runtime.united.items()}


def context(files: Mapping[str, File]) -> io.BytesIO:
    """A tar archive of the files. Times and owners are the same every time, so that Docker's cache holds."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for path, file in sorted(files.items()):
            entry = tarfile.TarInfo(path)
            entry.size, entry.mode = len(file.content), 0o755 if file.executable else 0o644
            archive.addfile(entry, io.BytesIO(file.content))
    stream.seek(0)
    return stream


def _client_files(client: Path) -> dict[str, File]:
    found = (path.relative_to(client) for path in sorted(client.rglob("*")) if path.is_file())
    return {relative.as_posix(): _file(client / relative) for relative in found if _installed(relative)}


def _installed(relative: Path) -> bool:
    if len(relative.parts) > 1 and relative.parts[0] in _TOP_LEVEL_LEFT_OUT:
        return False
    return not any(
        part.startswith(".") or part == "__pycache__" or Path(part).suffix in _LEFT_OUT_SUFFIXES
        for part in relative.parts
    )


def _file(path: Path) -> File:
    return File(path.read_bytes(), bool(path.stat().st_mode & 0o100))


def _lines(words: tuple[str, ...]) -> bytes:
    return "".join(f"{word}\n" for word in words).encode()


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
