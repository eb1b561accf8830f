"""runtimes.toml: what it offers, and the words for each way of being wrong."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from landbridge_gateway.environments.runtimes import Runtimes
from landbridge_gateway.environments.sources import packaged_folder
from landbridge_gateway.errors import InternalError, InvalidField, UnknownRuntime

from .conftest import ROOT

BASE = '[base]\nimage = "debian:testing-slim"\nsuite = "forky"\n'
R = '[[runtime]]\nlanguage = "r"\nversion = "4.6"\ndefault = true\n'
PYTHON = '[[runtime]]\nlanguage = "python"\nversion = "3.14"\ndefault = true\n'
BOTH = '[[runtime]]\nname = "both"\nunites = ["r:4.6", "python:3.14"]\n'


def written(folder: Path, text: str) -> Path:
    (folder / "runtimes.toml").write_text(text)
    return folder


def test_the_projects_own_file_offers_one_default_of_each_language() -> None:
    runtimes = Runtimes.load(packaged_folder("containers"))
    assert {runtime.language: runtime.name for runtime in runtimes if runtime.default} == {
        "r": "r:4.6",
        "python": "python:3.14",
    }
    assert "r-cran-arrow" in runtimes["r:4.6"].apt
    assert any(pin.startswith("pyarrow==") for pin in runtimes["python:3.14"].pip)


def test_the_polyglot_runtime_has_what_the_two_that_it_unites_have() -> None:
    runtimes = Runtimes.load(packaged_folder("containers"))
    both = runtimes["polyglot"]
    assert both.versions == {"r": runtimes["r:4.6"].version, "python": runtimes["python:3.14"].version}
    for part in (runtimes["r:4.6"], runtimes["python:3.14"]):
        assert set(part.apt) <= set(both.apt)
        assert set(part.pip) <= set(both.pip)
        assert set(part.apt_build) <= set(both.apt_build)
        assert part.start(part.language) is None
    assert both.apt_unstable == ("r-cran-reticulate",)
    assert not both.default


def test_the_start_commands_are_those_that_the_conformance_suite_uses() -> None:
    workers = tomllib.loads((ROOT / "tests" / "conformance" / "workers.toml").read_text())
    both = Runtimes.load(packaged_folder("containers"))["polyglot"]
    for language in ("r", "python"):
        assert list(both.start(language) or ()) == workers[language]["start"]


def test_image_names_and_versions_stand_in_no_dockerfile() -> None:
    for dockerfile in (ROOT / "containers").glob("*/Dockerfile"):
        froms = [line for line in dockerfile.read_text().splitlines() if line.startswith("FROM ")]
        stages = {line.split(" AS ")[1] for line in froms if " AS " in line}
        assert all(line.split()[1] == "${BASE}" or line.split()[1] in stages for line in froms), dockerfile


def test_an_unknown_runtime_is_answered_with_those_there_are(tmp_path: Path) -> None:
    runtimes = Runtimes.load(written(tmp_path, BASE + R))
    assert "r:4.6" in runtimes
    assert len(runtimes) == 1
    with pytest.raises(UnknownRuntime) as caught:
        runtimes["r:3.0"]
    assert caught.value.message == "There is no runtime `r:3.0`."
    assert caught.value.hint == "There are: r:4.6."


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("[base", "runtimes.toml: Expected"),
        (R, "[base] is missing"),
        (BASE, "there is no [[runtime]]"),
        (BASE + 'colour = "red"\n' + R, "`colour` in [base] is unknown"),
        (BASE + '[[runtime]]\nlanguage = "R!"\nversion = "4.6"\n', "`language` in [[runtime]] number 1"),
        (BASE + '[[runtime]]\nlanguage = "r"\n', "`version` in [[runtime]] number 1 is missing"),
        (BASE + R + 'pip = ["pandas>=3"]\n', "`pip` in [[runtime]] number 1 cannot hold `pandas>=3`"),
        (BASE + R + 'apt = ["r; rm -rf /"]\n', "`apt` in [[runtime]] number 1 cannot hold `r; rm -rf /`"),
        (BASE + R + 'apt = ["--purge"]\n', "cannot hold `--purge`"),
        (BASE + R + R, "`r:4.6` stands twice"),
        (BASE + R.replace("true", "false"), "`r` has 0 default runtimes"),
        (BASE + R.replace("true", "1"), "`default` in [[runtime]] number 1"),
        (BASE + R + 'apt_unstable = ["git"]\n', "`apt_unstable` in [[runtime]] number 1 is unknown"),
        (BASE + BOTH + R + PYTHON, "`r:4.6` in [[runtime]] number 1 is no runtime that stands above it"),
        (BASE + R + PYTHON + BOTH.replace(', "python:3.14"', ""), "names no two languages"),
        (BASE + R + PYTHON + BOTH.replace("python:3.14", "r:4.6"), "names no two languages"),
        (BASE + R + PYTHON + BOTH.replace('"both"', '"r"'), "`name` in [[runtime]] number 3 is that of a language"),
        (BASE + R + PYTHON + BOTH + 'version = "1"\n', "`version` in [[runtime]] number 3 is unknown"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, named: str) -> None:
    with pytest.raises(InvalidField) as caught:
        Runtimes.load(written(tmp_path, text))
    assert caught.value.message.startswith("runtimes.toml: ")
    assert named in caught.value.message
    assert caught.value.hint


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidField, match=r"runtimes\.toml: it cannot be read"):
        Runtimes.load(tmp_path)


def test_a_part_that_the_installation_lacks_is_named() -> None:
    with pytest.raises(InternalError, match="`no-such-client`"):
        packaged_folder("no-such-client")
