"""The project's own images, built if they are not there: what is in them, under the settings that jobs get."""

from __future__ import annotations

import json
from collections.abc import Iterator

import docker
import pytest
from landbridge_gateway.environments.images import ImageBuilder
from landbridge_gateway.environments.runtimes import Runtimes
from landbridge_gateway.environments.sources import packaged_folder

pytestmark = [pytest.mark.docker, pytest.mark.slow]

PYTHON = """
import importlib.metadata, json, os, sys, sysconfig, zoneinfo
import urllib3, numpy, pandas, polars, pyarrow, landbridge
table = pyarrow.table({"x": [1, 2, 3]})
assert polars.from_arrow(table).to_pandas().x.sum() == 6
zoneinfo.ZoneInfo("Europe/Berlin")
site = sysconfig.get_path("purelib")
names = [name for _, _, files in os.walk(site) for name in files]
print(json.dumps({
    "version": "%d.%d" % sys.version_info[:2], "uid": os.getuid(), "client": importlib.metadata.version("landbridge"),
    "sources": sum(name.endswith(".py") for name in names), "compiled": sum(name.endswith(".pyc") for name in names),
    "leaks": [name for name in os.environ if name.startswith("PIP_") or "PROXY" in name.upper()],
    "left": [path for path in ("/build", "/etc/apt/apt.conf.d/90build-host", "/usr/bin/pip3") if os.path.exists(path)],
}))
"""
R = """
suppressPackageStartupMessages({
  library(arrow); library(landbridge); library(data.table); library(dplyr); library(tibble); library(bit64)
  library(hms); library(jsonlite); library(nanoarrow); library(codetools); library(testthat)
})
path <- tempfile(fileext = ".arrow")
write_ipc_file(data.frame(x = 1:3), path, compression = "uncompressed")
stopifnot(sum(read_ipc_file(path)$x) == 6L, capabilities("cairo"))
png(tempfile()); plot(1:3, main = "text"); invisible(dev.off())
left <- c("/build", "/etc/apt/apt.conf.d/90build-host")
cat(toJSON(list(
  version = paste0(R.version$major, ".", sub("[.].*", "", R.version$minor)), uid = as.integer(system("id -u", TRUE)),
  client = as.character(packageVersion("landbridge")), left = left[file.exists(left)],
  compiled = file.exists(system.file("R", "landbridge.rdb", package = "landbridge")),
  leaks = grep("^PIP_|PROXY", toupper(names(Sys.getenv())), value = TRUE)
), auto_unbox = TRUE), "\\n")
"""
OF_R = """
path <- tempfile(fileext = ".arrow")
codec <- landbridge:::arrow_codec()
invisible(codec$write_columns(list(x = list(type = "int32", data = 1:3)), 3, path, list()))
stopifnot(identical(codec$read_columns(path)$columns[[1]]$data, 1:3))
left <- c("/build", "/etc/apt/apt.conf.d/90build-host", "/usr/bin/pip3")
cat(codec$name, paste0(R.version$major, ".", sub("[.].*", "", R.version$minor)),
  Sys.getenv("LANDBRIDGE_BRIDGE_PYTHON"), paste(left[file.exists(left)], collapse = " "), sep = "|")
"""
OLDER = ["python:3.13", "python:3.11", "r:4.5", "r:4.2"]
ACROSS_TO_R = "import rpy2.robjects as ro, importlib.metadata as m; ro.r('1'); print(m.version('rpy2'))"
# Flushed, because a process that holds Python may end without doing so.
ACROSS_TO_PYTHON = "cat(reticulate::import('pyarrow')[['__version__']]); flush(stdout())"


@pytest.fixture(scope="module")
def client() -> Iterator[docker.DockerClient]:
    client = docker.from_env(timeout=120)
    yield client
    client.close()


def image_of(client: docker.DockerClient, name: str) -> str:
    runtimes = Runtimes.load(packaged_folder("containers"))
    return ImageBuilder(client).ensure(runtimes[name], print)


def inside(client: docker.DockerClient, image: str, *command: str) -> bytes:
    container = client.containers.run(
        image,
        list(command[1:]),
        entrypoint=command[0],
        network_mode="none",
        read_only=True,
        tmpfs={"/tmp": "rw,size=256m,mode=1777"},
        cap_drop=["ALL"],
        security_opt=["no-new-privileges"],
        mem_limit="1g",
        detach=True,
    )
    try:
        # Its log is read when it has ended: who follows a short one may come too late.
        status = container.wait(timeout=120)["StatusCode"]
        assert status == 0, container.logs()
        output = container.logs(stdout=True, stderr=False)
    finally:
        container.remove(force=True)
    assert isinstance(output, bytes)
    return output


def test_python_has_its_packages_and_our_client(client: docker.DockerClient) -> None:
    told = json.loads(inside(client, image_of(client, "python:3.14"), "python3", "-W", "error", "-c", PYTHON))
    assert told["version"] == "3.14"
    assert told["uid"] == 64000
    assert told["client"]
    assert told["compiled"] >= told["sources"] > 500
    assert (told["leaks"], told["left"]) == ([], [])


def test_r_has_its_packages_and_our_client(client: docker.DockerClient) -> None:
    told = json.loads(inside(client, image_of(client, "r:4.6"), "Rscript", "--vanilla", "-e", R))
    assert told["version"] == "4.6"
    assert told["uid"] == 64000
    assert told["client"]
    assert told["compiled"] is True
    assert (told["leaks"], told["left"]) == ([], [])


@pytest.mark.parametrize(("name", "numpy"), [("python:3.13", "2.5.5"), ("python:3.11", "2.4.6")])
def test_an_older_python_has_its_packages_and_our_client(client: docker.DockerClient, name: str, numpy: str) -> None:
    image = image_of(client, name)
    told = json.loads(inside(client, image, "python3", "-W", "error", "-c", PYTHON))
    assert told["version"] == name.partition(":")[2]
    assert told["compiled"] >= told["sources"] > 500
    assert (told["leaks"], told["left"]) == ([], [])
    assert inside(client, image, "python3", "-c", "import numpy; print(numpy.__version__)").decode().strip() == numpy


@pytest.mark.parametrize(("name", "codec"), [("r:4.5", "nanoarrow"), ("r:4.2", "bridge"), ("r:4.6", "arrow")])
def test_each_r_has_the_way_of_tables_that_the_docs_say(client: docker.DockerClient, name: str, codec: str) -> None:
    told = inside(client, image_of(client, name), "Rscript", "--vanilla", "-e", OF_R).decode()
    found, version, through, left = told.split("|")
    assert (found, version, left) == (codec, name.partition(":")[2], "")
    # The Python of the bridge, and none where there is no need of one.
    assert through == ("" if codec == "arrow" else "/opt/python/bin/python3")


@pytest.mark.parametrize("name", ["python:3.14", "r:4.6", *OLDER])
def test_the_entry_point_is_the_worker(client: docker.DockerClient, name: str) -> None:
    """A folder that is not there cannot be understood: by the contract that is exit code 64, with one line why."""
    container = client.containers.create(
        image_of(client, name), ["/job"], network_mode="none", read_only=True, tmpfs={"/tmp": "rw,size=64m,mode=1777"}
    )
    try:
        container.start()
        assert container.wait(timeout=60)["StatusCode"] == 64
        assert len(container.logs(stdout=False, stderr=True).decode().strip().splitlines()) == 1
    finally:
        container.remove(force=True)


def test_the_polyglot_image_has_all_of_both_and_what_leads_across(client: docker.DockerClient) -> None:
    image = image_of(client, "polyglot")
    of_python = json.loads(inside(client, image, "python3", "-W", "error", "-c", PYTHON))
    of_r = json.loads(inside(client, image, "Rscript", "--vanilla", "-e", R))
    assert (of_python["version"], of_r["version"]) == ("3.14", "4.6")
    assert of_python["client"] == of_r["client"]
    assert (of_python["leaks"], of_python["left"], of_r["leaks"], of_r["left"]) == ([], [], [], [])
    told_of_sid = "grep -rsw sid /etc/apt/sources.list /etc/apt/sources.list.d /etc/apt/preferences.d || true"
    assert inside(client, image, "sh", "-c", told_of_sid) == b""
    assert b"3.6" in inside(client, image, "python3", "-c", ACROSS_TO_R)
    assert b"26.0" in inside(client, image, "Rscript", "--vanilla", "-e", ACROSS_TO_PYTHON)


@pytest.mark.parametrize("language", ["python", "r"])
def test_each_worker_starts_in_the_polyglot_image(client: docker.DockerClient, language: str) -> None:
    start = Runtimes.load(packaged_folder("containers"))["polyglot"].start(language)
    assert start is not None
    container = client.containers.create(
        image_of(client, "polyglot"), ["/job"], entrypoint=list(start), network_mode="none", read_only=True,
        tmpfs={"/tmp": "rw,size=64m,mode=1777"},
    )  # fmt: skip
    try:
        container.start()
        assert container.wait(timeout=60)["StatusCode"] == 64
        assert len(container.logs(stdout=False, stderr=True).decode().strip().splitlines()) == 1
    finally:
        container.remove(force=True)


@pytest.mark.parametrize("name", ["python:3.14", "r:4.6", "polyglot", *OLDER])
def test_the_image_names_no_index_or_mirror(client: docker.DockerClient, name: str) -> None:
    image = client.images.get(image_of(client, name))
    told = json.dumps([image.attrs["Config"], image.history()])
    assert "PIP_INDEX" not in told
    assert "://" not in told
