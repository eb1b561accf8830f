"""The hash of a recipe: changed by each ingredient, and by nothing else."""

from __future__ import annotations

import os
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest
from landbridge_gateway.environments.recipe import Recipe, base_recipe, context, runtime_recipe
from landbridge_gateway.environments.runtimes import Runtime, Runtimes

OLDER = """
[[base]]
suite = "trixie"
image = "debian:trixie-slim"
apt = ["tzdata"]

[[runtime]]
language = "r"
version = "4.5"
suite = "trixie"
pip = ["pyarrow==26.0.1"]
"""


def recipe(containers: Path, client: Path, image: str = "debian:testing-slim", **changes: object) -> Recipe:
    runtimes = Runtimes.load(containers)
    below = base_recipe(runtimes.base, containers, image)
    runtime: Runtime = replace(runtimes["python:3.14"], **changes)  # type: ignore[arg-type]
    return runtime_recipe(runtime, below, containers, {"python": client})


def test_each_suite_has_a_base_and_images_of_its_own(containers: Path, clients: dict[str, Path]) -> None:
    with (containers / "runtimes.toml").open("a") as file:
        file.write(OLDER)
    runtimes = Runtimes.load(containers)
    bases = {suite: base_recipe(base, containers, base.image) for suite, base in runtimes.bases.items()}
    assert bases["forky"].tag != bases["trixie"].tag
    assert bases["trixie"].arguments == {"BASE": "debian:trixie-slim", "SUITE": "trixie", "APT_PACKAGES": "tzdata"}
    made = runtime_recipe(runtimes["r:4.5"], bases[runtimes["r:4.5"].suite], containers, clients)
    assert made.arguments["BASE"] == bases["trixie"].tag
    assert made.arguments["BRIDGE_PYTHON"] == "/opt/python/bin/python3"
    usual = runtime_recipe(runtimes["r:4.6"], bases["forky"], containers, clients)
    assert "BRIDGE_PYTHON" not in usual.arguments


@pytest.fixture
def before(containers: Path, clients: dict[str, Path]) -> Recipe:
    return recipe(containers, clients["python"])


def test_the_tag_names_language_version_and_hash(before: Recipe) -> None:
    assert before.tag == f"landbridge/python-3.14:{before.hash}"
    assert len(before.hash) == 16


def test_the_same_ingredients_give_the_same_hash(before: Recipe, containers: Path, clients: dict[str, Path]) -> None:
    os.utime(clients["python"] / "code" / "client.txt", (1, 1))
    assert recipe(containers, clients["python"]).hash == before.hash


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("containers/python/Dockerfile", "FROM scratch\n"),
        ("containers/base/Dockerfile", "FROM scratch\n"),
        ("containers/base/prepare.sh", "true\n"),
        ("py-client/code/client.txt", "two"),
        ("py-client/code/more.py", "x = 1\n"),
    ],
)
def test_each_file_changes_the_hash(
    before: Recipe, containers: Path, clients: dict[str, Path], path: str, text: str
) -> None:
    (containers.parent / path).write_text(text)
    assert recipe(containers, clients["python"]).hash != before.hash


@pytest.mark.parametrize(
    "changes",
    [
        {"apt": ("python3", "git")},
        {"pip": ("numpy==2.5.4",)},
        {"apt_build": ("python3-pip",)},
        {"pip_build": ("hatchling==1.33.0",)},
        {"version": "3.15"},
        {"image": "debian:unstable-slim"},
    ],
)
def test_each_entry_changes_the_hash(
    before: Recipe, containers: Path, clients: dict[str, Path], changes: dict[str, object]
) -> None:
    assert recipe(containers, clients["python"], **changes).hash != before.hash  # type: ignore[arg-type]


def test_an_executable_file_is_another_file(before: Recipe, containers: Path, clients: dict[str, Path]) -> None:
    (clients["python"] / "code" / "client.txt").chmod(0o755)
    assert recipe(containers, clients["python"]).hash != before.hash


@pytest.mark.parametrize(
    "path", ["tests/test_it.py", "code/__pycache__/client.pyc", ".cache/x", "landbridge.egg-info/PKG-INFO", "dist/a"]
)
def test_what_is_not_installed_changes_nothing(
    before: Recipe, containers: Path, clients: dict[str, Path], path: str
) -> None:
    file = clients["python"] / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("x")
    after = recipe(containers, clients["python"])
    assert after.hash == before.hash
    assert f"client/{path}" not in after.files


def test_the_context_is_byte_for_byte_the_same(before: Recipe) -> None:
    first, second = context(before.files), context(before.files)
    assert first.getvalue() == second.getvalue()
    with tarfile.open(fileobj=first) as archive:
        assert archive.getnames() == ["Dockerfile", "build.txt", "client/code/client.txt", "requirements.txt"]
        content = archive.extractfile("requirements.txt")
        assert content is not None
        assert content.read() == b"numpy==2.5.5\n"


UNITED = """
[[runtime]]
name = "both"
unites = ["r:4.6", "python:3.14"]
apt_unstable = ["r-cran-reticulate"]
pip = ["rpy2==3.6.9"]
"""


@pytest.fixture
def both(containers: Path) -> Path:
    """The containers with a runtime of two languages."""
    (containers / "both").mkdir()
    (containers / "both" / "Dockerfile").write_text("FROM scratch\n")
    (containers / "both" / "more.sh").write_text("true\n")
    with (containers / "runtimes.toml").open("a") as file:
        file.write(UNITED)
    return containers


def united(containers: Path, clients: dict[str, Path]) -> Recipe:
    runtimes = Runtimes.load(containers)
    below = base_recipe(runtimes.base, containers, "debian:testing-slim")
    return runtime_recipe(runtimes["both"], below, containers, clients)


def test_a_runtime_of_two_languages_gets_both_clients(both: Path, clients: dict[str, Path]) -> None:
    made = united(both, clients)
    assert made.tag == f"landbridge/both:{made.hash}"
    assert {"client/r/code/client.txt", "client/python/code/client.txt", "more.sh"} <= set(made.files)
    assert made.files["requirements.txt"].content == b"numpy==2.5.5\nrpy2==3.6.9\n"
    assert made.arguments["APT_PACKAGES"] == "r-base-core"
    assert made.arguments["UNSTABLE_PACKAGES"] == "r-cran-reticulate"
    assert (made.arguments["R_VERSION"], made.arguments["PYTHON_VERSION"]) == ("4.6", "3.14")


@pytest.mark.parametrize("path", ["r-client/code/client.txt", "py-client/code/client.txt", "containers/both/more.sh"])
def test_each_client_changes_the_hash_of_both(both: Path, clients: dict[str, Path], path: str) -> None:
    before = united(both, clients).hash
    (both.parent / path).write_text("two")
    assert united(both, clients).hash != before


def test_a_runtime_that_somebody_added_is_made_as_polyglot_is(containers: Path, clients: dict[str, Path]) -> None:
    (containers / "polyglot").mkdir()
    (containers / "polyglot" / "Dockerfile").write_text("FROM polyglot\n")
    with (containers / "runtimes.toml").open("a") as file:
        file.write(UNITED)
    assert united(containers, clients).files["Dockerfile"].content == b"FROM polyglot\n"
    (containers / "both").mkdir()
    (containers / "both" / "Dockerfile").write_text("FROM scratch\n")
    assert united(containers, clients).files["Dockerfile"].content == b"FROM scratch\n"
