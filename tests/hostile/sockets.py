"""Requests byte by byte, and all that is answered."""

import socket
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit


@contextmanager
def connected(serving):
    parts = urlsplit(serving.url)
    with socket.create_connection((parts.hostname, parts.port), timeout=30) as opened:
        yield opened


def everything(opened):
    """All that is answered, until the gateway closes the connection."""
    parts = []
    with suppress(ConnectionResetError):
        while part := opened.recv(65536):
            parts.append(part)
    return b"".join(parts)


def answered(serving, *sent):
    with connected(serving) as opened:
        for part in sent:
            with suppress(BrokenPipeError, ConnectionResetError):
                opened.sendall(part)
        return everything(opened)


def statuses(data):
    return [int(part[:3]) for part in data.split(b"HTTP/1.1 ")[1:]]


def head(serving, *lines, method="GET", path="/api/v1", host=True):
    about = [f"{method} {path} HTTP/1.1", *([f"Host: {urlsplit(serving.url).netloc}"] if host else [])]
    return "\r\n".join([*about, f"Authorization: Bearer {serving.token}", *lines, "", ""]).encode("latin-1")
