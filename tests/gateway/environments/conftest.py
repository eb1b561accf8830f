"""Small runtimes whose images need no network, no shell and less than a second."""

from __future__ import annotations

import io
import secrets
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import docker
import pytest
from landbridge_gateway.environments.images import ImageBuilder
from landbridge_gateway.environments.runtimes import Runtimes

ROOT = Path(__file__).resolve().parents[3]

SMALL_TOML = """\
[[base]]
image = "{image}"
suite = "forky"

[[runtime]]
language = "r"
version = "4.6"
default = true
apt = ["r-base-core"]

[[runtime]]
language = "python"
version = "3.14"
default = true
pip = ["numpy==2.5.5"]
"""
SMALL_DOCKERFILE = """\
ARG BASE
FROM ${BASE} AS client
COPY client /client
ARG RECIPE
LABEL landbridge.recipe=${RECIPE}

FROM ${BASE}
COPY --from=client /client /client
"""


@pytest.fixture
def containers(tmp_path: Path) -> Path:
    """A folder as `containers/`, with a base that nobody can pull."""
    folder = tmp_path / "containers"
    for name, dockerfile in {
        "base": "ARG BASE\nFROM ${BASE}\nCOPY host /build\n",
        "network": "ARG BASE\nFROM ${BASE}\n",
        "r": SMALL_DOCKERFILE,
        "python": SMALL_DOCKERFILE,
    }.items():
        (folder / name).mkdir(parents=True)
        (folder / name / "Dockerfile").write_text(dockerfile)
    (folder / "runtimes.toml").write_text(SMALL_TOML.format(image="127.0.0.1:9/nothing:here"))
    return folder


@pytest.fixture
def clients(tmp_path: Path) -> dict[str, Path]:
    folders = {"r": tmp_path / "r-client", "python": tmp_path / "py-client"}
    for folder in folders.values():
        (folder / "code").mkdir(parents=True)
        (folder / "code" / "client.txt").write_text("one")
    return folders


@pytest.fixture
def engine() -> Iterator[docker.DockerClient]:
    client = docker.from_env(timeout=60)
    yield client
    client.close()


@pytest.fixture
def namespace(engine: docker.DockerClient) -> Iterator[str]:
    """A name of this test's own before the slash of every image; all of them are gone afterwards."""
    name = f"landbridge-test-{secrets.token_hex(4)}"
    yield name
    for image in engine.api.images(filters={"label": "landbridge.image=1"}):
        if str(image["Labels"].get("landbridge.recipe", "")).startswith(f"{name}/"):
            for tag in image["RepoTags"] or [image["Id"]]:
                engine.api.remove_image(image["Id"] if tag == "<none>:<none>" else tag, force=True)
    for image in engine.api.images():
        for tag in image["RepoTags"] or []:
            if tag.startswith(name):
                engine.api.remove_image(tag, force=True)


@pytest.fixture
def made_base(engine: docker.DockerClient, namespace: str) -> str:
    """The base as if it had been made before: an image that holds one file."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        entry = tarfile.TarInfo("etc/told")
        entry.size = 8
        archive.addfile(entry, io.BytesIO(secrets.token_hex(4).encode()))
    engine.api.import_image_from_data(
        stream.getvalue(), repository=f"{namespace}/debian", tag="forky", changes=["LABEL landbridge.image=1"]
    )
    return f"{namespace}/debian:forky"


@pytest.fixture
def new_builder(
    engine: docker.DockerClient, containers: Path, clients: dict[str, Path], namespace: str, tmp_path: Path
) -> Callable[..., ImageBuilder]:
    def build(**given: object) -> ImageBuilder:
        defaults = {
            "containers": containers,
            "clients": clients,
            "locks": tmp_path / "locks",
            "namespace": namespace,
            "environ": {"HOME": str(tmp_path)},
        }
        return ImageBuilder(engine, **{**defaults, **given})  # type: ignore[arg-type]

    return build


@pytest.fixture
def runtimes(containers: Path) -> Runtimes:
    return Runtimes.load(containers)
