"""What a task wants in one spelling, and what is no wish: only names and versions are taken from a job."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from landbridge_gateway.environments.environment import differences, digest_of
from landbridge_gateway.environments.lockfiles import requirements_in
from landbridge_gateway.environments.places import place_of, split_place
from landbridge_gateway.environments.requirements import normal
from landbridge_gateway.environments.wanted import Wanted, wanted
from landbridge_gateway.errors import InvalidField

IMAGE = "sha256:" + "a" * 64
RENV = {
    "R": {"Version": "4.6.1"},
    "Packages": {
        "ranger": {"Package": "ranger", "Version": "0.16.0", "Source": "Repository", "Repository": "CRAN"},
        "stats": {"Package": "stats", "Version": "4.6.1"},
    },
}
UV = """version = 1
requires-python = ">=3.11"
[[package]]
name = "mine"
version = "0.1.0"
source = { virtual = "." }
[[package]]
name = "polars"
version = "1.35.0"
source = { registry = "somewhere" }
"""
PROJECT = '[project]\nname = "mine"\nversion = "0.1.0"\n'


def packages(language: str, *names: str) -> tuple[str, ...]:
    return wanted(language, "", {"packages": list(names)}, frozenset()).packages


def locked(form: str, text: str, language: str = "python", version: str = "3.14", **more: str) -> Wanted:
    return wanted(language, version, {"lockfile": {"format": form, "text": text, **more}}, frozenset())


def refusal(**environment: Any) -> InvalidField:
    with pytest.raises(InvalidField) as refused:
        wanted(environment.pop("language", "python"), environment.pop("version", "3.14"), environment, frozenset())
    return refused.value


class TestSpelling:
    def test_the_same_wish_has_the_same_key_however_it_is_written(self):
        one = wanted("python", "3.14", {"packages": ["Scikit_Learn >= 1.5", "polars", "polars"]}, frozenset())
        two = wanted("python", "3.14", {"packages": ["polars", "scikit-learn>=1.5"]}, frozenset())
        assert one == two
        assert (one.key, one.packages) == (two.key, ("polars", "scikit-learn>=1.5"))
        assert wanted("r", "4.6", {"packages": ["polars"]}, frozenset()).key != one.key

    def test_extras_markers_and_several_bounds(self):
        text = 'polars [pandas, numpy] <2, >=1 ; python_version < "4"'
        assert packages("python", text) == ('polars[numpy,pandas]<2,>=1; python_version < "4"',)
        assert packages("r", "dplyr >= 1.1.0, < 2", "nlme==3.1-168") == ("dplyr<2,>=1.1.0", "nlme==3.1-168")

    def test_it_comes_back_from_what_was_written_down(self):
        made = wanted("python", "3.14", {"packages": ["polars"]}, frozenset())
        assert Wanted.from_json(json.loads(json.dumps(made.as_json()))) == made
        again = Wanted("r", ("ranger",), of="env_0", solved=({"name": "ranger", "version": "1", "asked": True},))
        assert Wanted.from_json(json.loads(json.dumps(again.as_json()))) == again
        assert again.label == "ranger"

    def test_a_long_wish_has_a_short_name(self):
        assert wanted("r", "4.6", {"packages": list("abcde")}, frozenset()).label == "a, b, c and 2 more"

    @given(st.lists(st.sampled_from(["polars", "numpy>=2", "scikit-learn==1.5", "pandas<3"]), min_size=1))
    def test_order_and_repeats_say_nothing(self, names: list[str]):
        assert normal("python", names) == normal("python", [*reversed(names), names[0]])

    def test_a_place_is_taken_apart_again(self):
        assert split_place(place_of("r:4.6", "ab")) == ("r:4.6", "ab")
        assert split_place("polyglot") == ("polyglot", "")


class TestRefusals:
    @pytest.mark.row("JS16")
    @pytest.mark.parametrize("language", ["python", "r"])
    @pytest.mark.parametrize(
        ("text", "what"),
        [
            ("https://evil.example/x.whl", "names an address"),
            ("x @ https://evil.example/x.whl", "names an address"),
            ("git+ssh://git@evil.example/x", "names an address"),
            ("x@file:///etc", "names an address"),
            ("--index-url=x", "is an option"),
            ("-e .", "is an option"),
            (" -r other.txt", "is an option"),
            ("../x", "is a path"),
            ("~/x", "is a path"),
            ("x/../../y", "is a path"),
            ("x; rm -rf /", "cannot be read"),
            ("$(reboot)", "cannot be read"),
            ("`reboot`", "cannot be read"),
            ("x\nimport os", "cannot be read"),
            ("x && y", "cannot be read"),
            ("ranger broom", "cannot be read"),
            (" ", "cannot be read"),
            ("x==", "cannot be read"),
            ("x\x00", "cannot be read"),
        ],
    )
    def test_only_names_and_versions_are_taken(self, language, text, what):
        refused = refusal(language=language, packages=["polars", text])
        assert what in refused.message
        assert refused.detail["field"] == "task.environment.packages"
        assert "versions alone" in refused.hint

    def test_an_image_is_one_of_the_list(self):
        assert wanted("r", "4.6", {"image": IMAGE}, frozenset({IMAGE})).image == IMAGE
        assert "is not on this gateway's list" in refusal(image=IMAGE).message


class TestRequirementsFile:
    def test_comments_digests_and_continued_lines(self):
        text = "# all of it\npolars==1.35.0 \\\n    --hash=sha256:ab --hash=sha256:cd\n\nNumPy>=2  # fast\n"
        assert requirements_in(text) == (["polars==1.35.0", "numpy>=2"], {"polars": ["sha256:ab", "sha256:cd"]})
        assert locked("requirements.txt", text).packages == ("numpy>=2", "polars==1.35.0")

    @pytest.mark.row("JS16")
    @pytest.mark.parametrize(
        ("text", "what"),
        [
            ("polars\n--index-url x\n", "line 2 has the option `--index-url`"),
            ("-r more.txt", "line 1 has the option `-r`"),
            ("polars --global-option x", "line 1 has the option `--global-option`"),
            ("polars @ https://x", "line 1: The package `polars @ https://x` names an address"),
            ("\n\n???", "line 3: The package `???` cannot be read"),
            ("# nothing", "it names no package"),
        ],
    )
    def test_a_line_that_is_more_than_a_package_is_named(self, text, what):
        assert what in refusal(lockfile={"format": "requirements.txt", "text": text}).message


class TestRenvLock:
    def test_its_packages_at_their_versions_without_those_of_r_itself(self):
        assert locked("renv.lock", json.dumps(RENV), "r", "4.6").packages == ("ranger==0.16.0",)

    @pytest.mark.parametrize(
        ("changed", "what"),
        [
            ({"R": {"Version": "4.2.2"}}, "it is for R 4.2, and the task runs in R 4.6"),
            ({"R": {}}, "it has no `R$Version`"),
            ({"Packages": {}}, "it has no `Packages`"),
            ({"Packages": {"x": {"Version": "1", "Source": "GitHub"}}}, "`x` comes from GitHub"),
            ({"Packages": {"x": {}}}, "its entry `x` has no version"),
        ],
    )
    def test_what_is_wrong_is_named(self, changed, what):
        text = json.dumps(RENV | changed)
        assert what in refusal(language="r", version="4.6", lockfile={"format": "renv.lock", "text": text}).message

    def test_one_that_is_broken_or_of_the_other_language(self):
        broken = {"format": "renv.lock", "text": '{"R": '}
        assert "it is no JSON" in refusal(language="r", version="4.6", lockfile=broken).message
        assert refusal(lockfile=broken).message == "The task is of Python, and renv.lock is of R."


class TestUvLock:
    def test_its_texts_are_kept_for_uv_itself(self):
        made = locked("uv.lock", UV, project=PROJECT)
        assert (made.lock, made.project, made.label) == (UV, PROJECT, "uv.lock")

    @pytest.mark.parametrize(
        ("text", "project", "what"),
        [
            ("version = ", PROJECT, "it is no TOML"),
            (UV.replace("version = 1\n", "version = 2\n"), PROJECT, "it is of version 2"),
            (UV.replace(">=3.11", ">=3.15"), PROJECT, "it is for Python >=3.15, and the task runs in Python 3.14"),
            (UV.replace('registry = "somewhere"', 'git = "x"'), PROJECT, "`polars` comes from git"),
            (UV.replace('registry = "somewhere"', 'path = "../x"'), PROJECT, "`polars` comes from path"),
            (UV.replace('virtual = "."', 'editable = "../other"'), PROJECT, "`mine` comes from editable"),
            (UV, "", "has no [project]"),
        ],
    )
    def test_what_is_wrong_is_named(self, text, project, what):
        assert what in refusal(lockfile={"format": "uv.lock", "text": text, "project": project}).message


class TestWhatItCameTo:
    def test_the_digest_is_of_names_and_versions_alone(self):
        one = ({"name": "a", "version": "1"}, {"name": "b", "version": "2", "asked": True})
        assert digest_of(one) == digest_of(tuple(reversed([{"name": "b", "version": "2"}, one[0]])))
        assert digest_of(one) != digest_of(one[:1])

    def test_differences_are_told_by_name(self):
        before = ({"name": "a", "version": "1"}, {"name": "b", "version": "2"}, {"name": "c", "version": "3"})
        after = ({"name": "a", "version": "1"}, {"name": "b", "version": "2.1"})
        assert differences(before, after) == ["b 2 is 2.1", "c 3 is not there"]
