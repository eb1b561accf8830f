"""Pulling a base from a registry that answers, one that refuses, and one that never says a word."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import platform
import socket
import tarfile
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import docker
import pytest
from landbridge_gateway.environments.base import PullFailed, pull

pytestmark = pytest.mark.docker

MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
UNKNOWN = b'{"errors": [{"code": "MANIFEST_UNKNOWN", "message": "manifest unknown"}]}'
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


def digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def registry_files(name: str) -> dict[str, tuple[str, bytes]]:
    """What a registry serves for an image of one file: type and content by path."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        entry = tarfile.TarInfo("etc/name")
        entry.size = len(name)
        archive.addfile(entry, io.BytesIO(name.encode()))
    layer = gzip.compress(stream.getvalue())
    rootfs = {"type": "layers", "diff_ids": [digest(stream.getvalue())]}
    architecture = ARCHITECTURES.get(platform.machine(), platform.machine())
    config = json.dumps({"architecture": architecture, "os": "linux", "config": {}, "rootfs": rootfs}).encode()
    blobs = {
        "config": {"mediaType": "application/vnd.docker.container.image.v1+json", "content": config},
        "layer": {"mediaType": "application/vnd.docker.image.rootfs.diff.tar.gzip", "content": layer},
    }
    described = {
        key: {"mediaType": blob["mediaType"], "size": len(blob["content"]), "digest": digest(blob["content"])}  # type: ignore[arg-type]
        for key, blob in blobs.items()
    }
    manifest = json.dumps(
        {"schemaVersion": 2, "mediaType": MANIFEST, "config": described["config"], "layers": [described["layer"]]}
    ).encode()
    return {
        "/v2/": ("application/json", b"{}"),
        f"/v2/{name}/manifests/1": (MANIFEST, manifest),
        f"/v2/{name}/manifests/{digest(manifest)}": (MANIFEST, manifest),
        f"/v2/{name}/blobs/{digest(config)}": ("application/octet-stream", config),
        f"/v2/{name}/blobs/{digest(layer)}": ("application/octet-stream", layer),
    }


class Registry(BaseHTTPRequestHandler):
    files: dict[str, tuple[str, bytes]]

    def do_GET(self) -> None:
        kind, content = self.files.get(self.path, ("", UNKNOWN))
        self.send_response(200 if kind else 404)
        self.send_header("Content-Type", kind or "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Docker-Content-Digest", digest(content))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content)

    do_HEAD = do_GET

    def log_message(self, format: str, *args: object) -> None:
        return


@pytest.fixture
def registry(namespace: str) -> Iterator[str]:
    """The address of a registry that holds `<namespace>:1`."""
    handler = type("OneImage", (Registry,), {"files": registry_files(namespace)})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_an_image_that_a_registry_has_is_pulled(engine: docker.DockerClient, registry: str, namespace: str) -> None:
    image = f"{registry}/{namespace}:1"
    pull(engine, image, 30)
    try:
        assert engine.images.get(image).tags == [image]
    finally:
        engine.images.remove(image)


def test_an_image_that_the_registry_lacks_is_refused(engine: docker.DockerClient, registry: str) -> None:
    with pytest.raises(PullFailed, match="manifest unknown"):
        pull(engine, f"{registry}/no-such-image:1", 30)


def test_a_silent_registry_is_given_up(engine: docker.DockerClient) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as silent,
        pytest.raises(PullFailed, match=r"nothing was heard for 0\.5 seconds"),
    ):
        pull(engine, f"127.0.0.1:{silent.getsockname()[1]}/debian:1", 0.5)
