"""A repository of R packages, in CRAN's form, on this machine."""

from __future__ import annotations

import functools
import io
import tarfile
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Self


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        return


class Repository:
    """``with``: it is served at ``url``."""

    def __init__(self, folder: Path) -> None:
        self._sources = folder / "src" / "contrib"
        self._sources.mkdir(parents=True)
        self._index: list[str] = []
        handler = functools.partial(_Quiet, directory=str(folder))
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def add(self, name: str, version: str, code: str, imports: str = "", current: bool = True) -> None:
        """A package without anything that is compiled; an earlier version goes into the archive."""
        needs = f"Imports: {imports}\n" if imports else ""
        description = f"Package: {name}\nVersion: {version}\nTitle: T\n{needs}NeedsCompilation: no\n"
        description += "Description: D.\nLicense: MIT\nAuthor: A\nMaintainer: A <a@example.org>\n"
        exports = 'exportPattern("^[a-z]")\n'
        folder = self._sources if current else self._sources / "Archive" / name
        folder.mkdir(parents=True, exist_ok=True)
        with tarfile.open(folder / f"{name}_{version}.tar.gz", "w:gz") as archive:
            for path, text in (("DESCRIPTION", description), ("NAMESPACE", exports), ("R/code.R", code)):
                entry = tarfile.TarInfo(f"{name}/{path}")
                entry.size = len(text.encode())
                archive.addfile(entry, io.BytesIO(text.encode()))
        if current:
            self._index.append(f"Package: {name}\nVersion: {version}\n{needs}NeedsCompilation: no\n")
            (self._sources / "PACKAGES").write_text("\n".join(self._index))

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
