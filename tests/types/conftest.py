"""A warm worker of each language for the tests of a module."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.types.forks import Forks


@pytest.fixture(scope="module")
def forks(tmp_path_factory) -> Iterator[dict[str, Forks]]:
    root = tmp_path_factory.mktemp("forks")
    for folder in (root, *root.parents[:2]):
        folder.chmod(0o755)
    folders = {language: root / language for language in ("r", "python")}
    for folder in folders.values():
        folder.mkdir()
    with Forks("r", folders["r"]) as r, Forks("python", folders["python"]) as python:
        yield {"r": r, "python": python}
