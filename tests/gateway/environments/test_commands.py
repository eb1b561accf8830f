"""Which runtimes `landbridge images build` builds, and what `images list` tells of each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from click.testing import CliRunner
from landbridge_gateway.cli.group import main
from landbridge_gateway.environments import commands
from landbridge_gateway.environments.images import RuntimeImage
from landbridge_gateway.environments.runtimes import Runtime, Runtimes
from landbridge_gateway.environments.sources import packaged_folder
from landbridge_gateway.errors import UnknownRuntime

USUAL = ["r:4.6", "python:3.14", "polyglot"]
OLDER = ["python:3.13", "python:3.11", "r:4.5", "r:4.2"]


class Recording:
    """A builder that notes what it was asked for."""

    def ensure(self, runtime: Runtime, progress: Callable[[str], None]) -> str:
        return f"sha256:{runtime.name}"

    def ensure_network(self, progress: Callable[[str], None]) -> str:
        return "sha256:network"

    def list(self) -> list[RuntimeImage]:
        runtimes = Runtimes.load(packaged_folder("containers"))
        there = {"r:4.6": 393_000_000}
        return [RuntimeImage(one.name, f"landbridge/{one.name}", None, there.get(one.name)) for one in runtimes]


@pytest.fixture(autouse=True)
def recording(monkeypatch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def builder() -> Iterator[Any]:
        yield Recording()

    monkeypatch.setattr(commands, "_builder", builder)


def run(*arguments: str) -> tuple[int, list[str]]:
    done = CliRunner().invoke(main, ["images", *arguments])
    return done.exit_code, done.output.splitlines()


def built(*arguments: str) -> list[str]:
    code, lines = run("build", *arguments)
    assert code == 0, lines
    return [line.split()[0] for line in lines]


def test_without_names_the_usual_runtimes_are_built_and_the_older_are_left_to_their_first_job() -> None:
    assert built() == [*USUAL, "network"]


def test_all_builds_every_runtime() -> None:
    assert built("--all") == [*USUAL, *OLDER, "network"]


def test_a_name_builds_that_alone() -> None:
    assert built("r:4.2") == ["r:4.2"]


def test_all_and_a_name_are_one_too_many() -> None:
    code, lines = run("build", "--all", "r:4.2")
    assert code == 2
    assert "--all builds every runtime: name none, or leave it out." in lines[-1]


def test_a_name_that_is_no_runtime_is_answered_with_those_there_are() -> None:
    with pytest.raises(UnknownRuntime) as caught:
        list(commands.build(["r:3.6"], print))
    assert caught.value.hint == f"There are: {', '.join([*USUAL, *OLDER])}."


def test_the_list_tells_suite_and_size_and_what_is_missing() -> None:
    code, lines = run("list")
    assert code == 0
    assert [line.split()[0] for line in lines] == [*USUAL, *OLDER]
    told = dict(line.split(maxsplit=1) for line in lines)
    assert told["r:4.6"].split()[:3] == ["forky", "393", "MB"]
    assert told["r:4.2"].split()[:2] == ["bookworm", "absent"]
    assert told["r:4.2"].endswith("without arrow, nanoarrow")
    assert "without" not in told["python:3.11"]
