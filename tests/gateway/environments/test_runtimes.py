"""runtimes.toml: what it offers, and the words for each way of being wrong."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from landbridge_gateway.environments.runtimes import Runtimes
from landbridge_gateway.environments.sources import packaged_folder
from landbridge_gateway.errors import InternalError, InvalidField, UnknownRuntime

from .conftest import ROOT

BASE = '[[base]]\nimage = "debian:testing-slim"\nsuite = "forky"\n'
OLDER = '[[base]]\nimage = "debian:trixie-slim"\nsuite = "trixie"\napt = ["tzdata"]\n'
R = '[[runtime]]\nlanguage = "r"\nversion = "4.6"\ndefault = true\n'
PYTHON = '[[runtime]]\nlanguage = "python"\nversion = "3.14"\ndefault = true\n'
R45 = '[[runtime]]\nlanguage = "r"\nversion = "4.5"\nsuite = "trixie"\non_demand = true\nwithout = ["arrow"]\n'
PYTHON313 = '[[runtime]]\nlanguage = "python"\nversion = "3.13"\nsuite = "trixie"\n'
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


def test_the_projects_own_older_runtimes_stand_on_their_suites_and_are_built_on_demand() -> None:
    runtimes = Runtimes.load(packaged_folder("containers"))
    assert {runtime.name: runtime.suite for runtime in runtimes if runtime.on_demand} == {
        "r:4.2": "bookworm",
        "python:3.11": "bookworm",
        "r:4.5": "trixie",
        "python:3.13": "trixie",
    }
    assert [runtime.name for runtime in runtimes if not runtime.on_demand] == ["r:4.6", "python:3.14", "polyglot"]
    assert {runtimes[name].suite for name in ("r:4.6", "python:3.14", "polyglot")} == {runtimes.base.suite}
    for runtime in runtimes:
        # What stands in the list of what it is without is in no list of what it has.
        assert not {f"r-cran-{name}" for name in runtime.without} & set(runtime.apt)
        if runtime.versions.get("r"):
            assert ("arrow" in runtime.without) != ("r-cran-arrow" in runtime.apt)


def test_runtimes_without_a_suite_stand_on_the_first_base(tmp_path: Path) -> None:
    runtimes = Runtimes.load(written(tmp_path, BASE + OLDER + R + R45))
    assert runtimes.base.image == "debian:testing-slim"
    assert list(runtimes.bases) == ["forky", "trixie"]
    assert runtimes.bases["trixie"].apt == ("tzdata",)
    assert [(one.suite, one.on_demand, one.without) for one in runtimes] == [
        ("forky", False, ()),
        ("trixie", True, ("arrow",)),
    ]


def test_a_united_runtime_is_of_the_suite_of_its_parts_and_without_what_they_are_without(tmp_path: Path) -> None:
    both = '[[runtime]]\nname = "both"\nunites = ["r:4.5", "python:3.13"]\n'
    runtimes = Runtimes.load(written(tmp_path, BASE + OLDER + R + PYTHON + R45 + PYTHON313 + both))
    assert (runtimes["both"].suite, runtimes["both"].without) == ("trixie", ("arrow",))
    assert not runtimes["both"].on_demand
    runtimes = Runtimes.load(written(tmp_path, BASE + R + PYTHON + BOTH + "on_demand = true\n"))
    assert runtimes["both"].on_demand


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
        (R, "there is no [[base]]"),
        (BASE.replace("[[base]]", "[base]") + R, "there is no [[base]]"),
        ("base = []\n" + R, "there is no [[base]]"),
        ('base = "forky"\n' + R, "there is no [[base]]"),
        ('base = ["forky"]\n' + R, "[[base]] number 1 is missing or no table"),
        (BASE + BASE + R, "the suite `forky` has two bases"),
        (BASE + '[[base]]\nimage = "x:1"\n' + R, "`suite` in [[base]] number 2 is missing"),
        (BASE + OLDER.replace("trixie-slim", "$(id)") + R, "`image` in [[base]] number 2"),
        (BASE + OLDER.replace('"trixie"', '"../trixie"') + R, "`suite` in [[base]] number 2"),
        (BASE + OLDER.replace('"trixie"', '"trixie\\nmain"') + R, "`suite` in [[base]] number 2"),
        (BASE + OLDER.replace("tzdata", "--purge") + R, "`apt` in [[base]] number 2 cannot hold `--purge`"),
        (BASE + R45, "`suite` in [[runtime]] number 1 is `trixie`, which has no [[base]]"),
        (BASE + R + 'suite = ["forky"]\n', "`suite` in [[runtime]] number 1 is missing or cannot be"),
        (BASE + R + 'suite = ""\n', "`suite` in [[runtime]] number 1 is missing or cannot be"),
        (BASE + R + 'on_demand = "no"\n', "`on_demand` in [[runtime]] number 1 is not true or false"),
        (BASE + R + 'without = "arrow"\n', "`without` in [[runtime]] number 1 is no list"),
        (BASE + R + 'without = ["<b>"]\n', "`without` in [[runtime]] number 1 cannot hold `<b>`"),
        (BASE + R + "without = [1]\n", "`without` in [[runtime]] number 1 cannot hold `1`"),
        (
            BASE + OLDER + R + PYTHON + R45 + BOTH.replace("4.6", "4.5"),
            "`unites` in [[runtime]] number 4 names `r:4.5` on trixie and `python:3.14` on forky",
        ),
        (BASE + R + PYTHON + BOTH + 'suite = "forky"\n', "`suite` in [[runtime]] number 3 is unknown"),
        (BASE + R + PYTHON + BOTH + "on_demand = 1\n", "`on_demand` in [[runtime]] number 3 is not true or false"),
        (BASE, "there is no [[runtime]]"),
        (BASE + 'colour = "red"\n' + R, "`colour` in [[base]] number 1 is unknown"),
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
