"""The floor of an accept over HTTP: the gateway's own web stack, which parses a submission, brings 4 kB to the disk and
answers. Nothing is checked, stored where it can be found, or kept in any order.
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path

from cheroot import wsgi
from flask import Flask, Response, request


@contextmanager
def bare_flask(folder: Path) -> Iterator[int]:
    """Its port, on the loopback address."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(
        target=_serve, args=(folder / "accepted", theirs), daemon=True
    )
    process.start()
    theirs.close()  # one that dies before it has a port is then an error here, and not waited for
    try:
        yield ours.recv()
    finally:
        process.terminate()
        process.join()


def _serve(path: Path, told: Connection) -> None:
    app = Flask(__name__)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)

    @app.post("/api/v1/jobs")
    def accept() -> tuple[Response, int]:
        body = app.json.loads(request.get_data())
        os.write(descriptor, b"x" * 4096)
        os.fdatasync(descriptor)
        return app.json.response(body), 201

    server = wsgi.Server(("127.0.0.1", 0), app, numthreads=10)
    server.nodelay = True
    server.prepare()
    told.send(server.bind_addr[1])
    server.serve()
