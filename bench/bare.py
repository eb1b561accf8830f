"""A bare end for `curl`: takes or gives the bytes of a file over HTTP, and does nothing else."""

from __future__ import annotations

import multiprocessing
import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_BLOCK = 256 * 1024


@contextmanager
def bare(folder: Path, syncs: bool = False) -> Iterator[str]:
    """Its address. What is sent to it goes into a file of ``folder``, and onto the disk if it ``syncs``."""
    listener = socket.create_server(("127.0.0.1", 0))
    process = multiprocessing.get_context("fork").Process(target=_serve, args=(listener, folder, syncs), daemon=True)
    process.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        listener.close()
        process.terminate()
        process.join()


def _serve(listener: socket.socket, folder: Path, syncs: bool) -> None:
    while True:
        connection, _ = listener.accept()
        with connection:
            head, body = connection.recv(65536).split(b"\r\n\r\n", 1)
            words = head.split(b"\r\n")
            if words[0].startswith(b"GET"):
                _give(connection, Path(words[0].split()[1].decode()))
                continue
            sizes = [int(word.split(b":")[1]) for word in words if word.lower().startswith(b"content-length:")]
            _take(connection, folder / "bare", body, sizes[0], syncs)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")


def _take(connection: socket.socket, path: Path, body: bytes, size: int, syncs: bool) -> None:
    block = bytearray(_BLOCK)
    with path.open("wb", buffering=0) as file:
        file.write(body)
        left = size - len(body)
        while left and (count := connection.recv_into(block)):
            file.write(memoryview(block)[:count])
            left -= count
        if syncs:
            os.fsync(file.fileno())
    path.unlink()


def _give(connection: socket.socket, path: Path) -> None:
    size = path.stat().st_size
    connection.sendall(f"HTTP/1.1 200 OK\r\nContent-Length: {size}\r\n\r\n".encode())
    with path.open("rb", buffering=0) as file:
        while block := file.read(_BLOCK):
            connection.sendall(block)


def sent_by_curl(url: str, path: Path) -> float:
    """Megabytes a second."""
    return _rate(path, "--upload-file", str(path), "--header", "Expect:", f"{url}/")


def fetched_by_curl(url: str, path: Path, target: Path) -> float:
    rate = _rate(path, "--output", str(target), f"{url}{path}")
    assert target.stat().st_size == path.stat().st_size
    target.unlink()
    return rate


def _rate(path: Path, *arguments: str) -> float:
    start = time.perf_counter()
    subprocess.run(["curl", "--silent", "--fail", "--noproxy", "*", *arguments], check=True)
    return path.stat().st_size / 1e6 / (time.perf_counter() - start)
