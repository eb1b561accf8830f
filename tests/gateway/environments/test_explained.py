"""What a build that failed says, from what the program in its container left."""

from __future__ import annotations

import pytest
from landbridge_gateway.environments.explained import explained
from landbridge_gateway.environments.wanted import Wanted


def said(language: str, message: str = "There is none.", **told: object) -> tuple[str, str]:
    failed = explained({"message": message, **told}, Wanted(language, ("x",)), ["the last line"])
    assert failed.log_tail == ["the last line"]
    return failed.message, failed.hint or ""


@pytest.mark.parametrize(
    ("language", "package", "hint"),
    [
        ("python", "sklearn", "It is imported as sklearn and installed as `scikit-learn`."),
        ("python", "PIL", "It is imported as PIL and installed as `pillow`."),
        ("python", "ggplot2", "ggplot2 is a package of R, and the task is of Python."),
        ("r", "pandas", "pandas is a package of Python, and the task is of R."),
        ("python", "scikit-lern", "Did you mean `scikit-learn`?"),
        ("python", "qqqqqqq", "Look how it is spelt where it can be had."),
    ],
)
def test_the_way_out_of_a_name_that_is_none(language, package, hint):
    assert said(language, package=package, missing=True) == ("There is none.", hint)


def test_names_that_are_near_are_told():
    assert said("r", package="rangr", missing=True, near=["ranger"])[1] == "Did you mean `ranger`?"
    assert said("r", package="dplr", missing=True, near=["dplyr", "tidyr"])[1] == "Did you mean `dplyr` or `tidyr`?"


def test_versions_that_there_are_are_told():
    assert said("r", package="x", versions=["2.1"])[1].startswith("There is 2.1. ")
    assert said("python", package="x", versions=["2", "1"])[1].startswith("The newest are 2, 1. ")


def test_what_excludes_each_other_is_told_in_the_resolvers_words():
    message, hint = said("python", "The packages cannot be had together: Because a needs b<1 and you want b>1.")
    assert "a needs b<1" in message
    assert hint == "Loosen a version, or leave a package out."
