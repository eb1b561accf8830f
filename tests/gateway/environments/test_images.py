"""Finding, building and pruning against the real engine, with images that take no time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

import docker
import pytest
from landbridge_gateway.environments.images import BuildFailed, ImageBuilder
from landbridge_gateway.environments.runtimes import Runtimes

from .conftest import SMALL_DOCKERFILE, SMALL_TOML

pytestmark = pytest.mark.docker
Builders = Callable[..., ImageBuilder]


def quiet(_: str) -> None:
    return


def test_built_once_then_found(new_builder: Builders, runtimes: Runtimes, made_base: str) -> None:
    builder, told = new_builder(), list[str]()
    assert builder.find(runtimes["r:4.6"]) is None
    image = builder.ensure(runtimes["r:4.6"], told.append)
    assert image.startswith("sha256:")
    assert any(line.startswith("building r:4.6: step 1 of ") for line in told)
    assert told[-1] == "building r:4.6: done"
    told.clear()
    assert builder.ensure(runtimes["r:4.6"], told.append) == image == new_builder().find(runtimes["r:4.6"])
    assert told == []


def test_the_image_says_what_it_is(
    new_builder: Builders, runtimes: Runtimes, made_base: str, engine: docker.DockerClient
) -> None:
    image = new_builder().ensure(runtimes["python:3.14"], quiet)
    labels = engine.images.get(image).labels
    assert (labels["landbridge.image"], labels["landbridge.runtime"]) == ("1", "python:3.14")


def test_a_change_of_the_client_gives_another_image(
    new_builder: Builders, runtimes: Runtimes, made_base: str, clients: dict[str, Path]
) -> None:
    builder = new_builder()
    before = builder.ensure(runtimes["r:4.6"], quiet)
    (clients["r"] / "code" / "client.txt").write_text("two")
    assert builder.find(runtimes["r:4.6"]) is None
    assert builder.ensure(runtimes["r:4.6"], quiet) != before


def test_a_registry_that_does_not_answer_is_asked_once(
    new_builder: Builders, runtimes: Runtimes, made_base: str
) -> None:
    builder, told = new_builder(), list[str]()
    begun = time.monotonic()
    for runtime in runtimes:
        builder.ensure(runtime, told.append)
    assert time.monotonic() - begun < 60  # the engine's own patience with a registry is minutes
    assert [line for line in told if "pulling" in line] == ["building r:4.6: pulling 127.0.0.1:9/nothing:here"]


def test_without_registry_and_mmdebstrap_the_way_out_is_said(
    new_builder: Builders, runtimes: Runtimes, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BuildFailed) as caught:
        new_builder().ensure(runtimes["r:4.6"], quiet)
    assert "mmdebstrap, which would make it, is missing" in caught.value.message
    assert "apt-get install mmdebstrap" in str(caught.value.hint)


def test_a_base_image_by_setting_is_taken_as_it_is(new_builder: Builders, runtimes: Runtimes, made_base: str) -> None:
    told: list[str] = []
    builder = new_builder(environ={"HOME": "/nowhere", "LANDBRIDGE_BASE_IMAGE": made_base})
    assert builder.ensure(runtimes["r:4.6"], told.append)
    assert not [line for line in told if "pulling" in line]
    assert new_builder().find(runtimes["r:4.6"]) is None


OLDER = """
[[base]]
image = "127.0.0.1:9/older:here"
suite = "trixie"

[[runtime]]
language = "r"
version = "4.5"
suite = "trixie"
on_demand = true
"""


@pytest.fixture
def two_suites(containers: Path, made_base: str, engine: docker.DockerClient) -> Runtimes:
    """The runtimes with one on an older suite, whose base has been made as well."""
    repository, _, _ = made_base.partition(":")
    engine.images.get(made_base).tag(repository, "trixie")
    with (containers / "runtimes.toml").open("a") as file:
        file.write(OLDER)
    return Runtimes.load(containers)


def test_each_runtime_is_built_on_the_base_of_its_suite(
    new_builder: Builders, two_suites: Runtimes, engine: docker.DockerClient, namespace: str
) -> None:
    builder, told = new_builder(), list[str]()
    for name in ("r:4.5", "r:4.6"):
        builder.ensure(two_suites[name], told.append)
    assert [line for line in told if "pulling" in line] == [
        "building r:4.5: pulling 127.0.0.1:9/older:here",
        "building r:4.6: pulling 127.0.0.1:9/nothing:here",
    ]
    bases = [tag for image in engine.images.list(f"{namespace}/base") for tag in image.tags]
    assert len(bases) == 2
    assert builder.prune() == []
    (builder_45,) = [image for image in builder.list() if image.runtime == "r:4.5"]
    assert builder_45.id == builder.find(two_suites["r:4.5"])


@pytest.mark.parametrize(
    ("choice", "asked"),
    [
        ("127.0.0.1:9/mine:1", {"forky": "127.0.0.1:9/mine:1", "trixie": "127.0.0.1:9/older:here"}),
        ("127.0.0.1:9/mine:{suite}", {"forky": "127.0.0.1:9/mine:forky", "trixie": "127.0.0.1:9/mine:trixie"}),
        ("made", {"forky": None, "trixie": None}),
    ],
)
def test_a_base_image_by_setting_is_that_of_its_suite(
    new_builder: Builders, two_suites: Runtimes, choice: str, asked: dict[str, str | None]
) -> None:
    """A name without the suite is the first base's: a Debian of another suite under it would be the wrong one."""
    for name in ("r:4.6", "r:4.5"):
        told: list[str] = []
        try:
            new_builder(base_image=choice).ensure(two_suites[name], told.append)
        except BuildFailed as error:
            assert "cannot be pulled" in error.message
        image = asked[two_suites[name].suite]
        assert [line for line in told if "pulling" in line] == ([f"building {name}: pulling {image}"] if image else [])


def test_a_base_image_by_setting_that_nobody_has_is_named(new_builder: Builders, runtimes: Runtimes) -> None:
    with pytest.raises(BuildFailed) as caught:
        new_builder(base_image="127.0.0.1:9/other:1").ensure(runtimes["r:4.6"], quiet)
    assert "127.0.0.1:9/other:1 is not here and cannot be pulled" in caught.value.message
    assert "LANDBRIDGE_BASE_IMAGE" in str(caught.value.hint)


def test_a_failing_dockerfile_says_why(
    new_builder: Builders, runtimes: Runtimes, made_base: str, containers: Path
) -> None:
    (containers / "r" / "Dockerfile").write_text(SMALL_DOCKERFILE + 'RUN ["/no/such/command"]\n')
    builder = new_builder()
    with pytest.raises(BuildFailed) as caught:
        builder.ensure(runtimes["r:4.6"], quiet)
    assert "could not be built" in caught.value.message
    assert "/no/such/command" in "\n".join(caught.value.log_tail)
    assert caught.value.hint
    assert builder.find(runtimes["r:4.6"]) is None


def test_a_client_that_is_missing_is_no_crash(
    new_builder: Builders, runtimes: Runtimes, containers: Path, clients: dict[str, Path]
) -> None:
    (containers / "r" / "Dockerfile").unlink()
    builder = new_builder()
    assert builder.find(runtimes["r:4.6"]) is None
    with pytest.raises(BuildFailed, match=r"recipe of r:4\.6 is not complete"):
        builder.ensure(runtimes["r:4.6"], quiet)


def test_of_two_builds_at_once_one_builds(
    new_builder: Builders, runtimes: Runtimes, made_base: str, tmp_path: Path
) -> None:
    told: list[list[str]] = [[], []]
    images: list[str] = []
    builders = [new_builder(), new_builder()]

    def ensure(number: int) -> None:
        images.append(builders[number].ensure(runtimes["r:4.6"], told[number].append))

    threads = [threading.Thread(target=ensure, args=(number,)) for number in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert images[0] == images[1]
    assert len([lines for lines in told if any("step" in line for line in lines)]) == 1


def test_prune_removes_only_what_is_ours_and_outdated(
    new_builder: Builders,
    runtimes: Runtimes,
    made_base: str,
    clients: dict[str, Path],
    engine: docker.DockerClient,
    namespace: str,
) -> None:
    builder = new_builder()
    outdated = {runtime.name: builder.ensure(runtime, quiet) for runtime in runtimes}
    old = engine.images.get(outdated["r:4.6"])
    old_tag, kept = old.tags[0], [f"{namespace}-of-a-user/model:1", f"{namespace}-of-a-user/model:2"]
    for name in kept:
        old.tag(name)
    (clients["r"] / "code" / "client.txt").write_text("two")
    current = builder.ensure(runtimes["r:4.6"], quiet)

    assert old_tag in builder.prune()
    assert builder.find(runtimes["r:4.6"]) == current
    assert builder.find(runtimes["python:3.14"]) == outdated["python:3.14"]
    assert sorted(engine.images.get(outdated["r:4.6"]).tags) == kept
    assert builder.prune() == []


def test_the_list_tells_what_is_there(new_builder: Builders, runtimes: Runtimes, made_base: str) -> None:
    builder = new_builder()
    image = builder.ensure(runtimes["r:4.6"], quiet)
    built, absent = builder.list()
    assert (built.runtime, built.id) == ("r:4.6", image)
    assert built.size is not None
    assert (absent.runtime, absent.id, absent.size) == ("python:3.14", None, None)


def test_an_image_that_can_be_had_is_not_made(
    new_builder: Builders, made_base: str, containers: Path, namespace: str
) -> None:
    (containers / "runtimes.toml").write_text(SMALL_TOML.format(image=made_base))
    told: list[str] = []
    new_builder().ensure(Runtimes.load(containers)["r:4.6"], told.append)
    assert not [line for line in told if "pulling" in line or "making" in line]
