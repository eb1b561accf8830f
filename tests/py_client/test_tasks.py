"""Tasks, options, and what is caught before anything is sent."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import landbridge as lb
import pytest
from jsonschema import ValidationError
from landbridge import wanted_frames
from landbridge.errors import (
    CodecMissing,
    CodeDoesNotParse,
    FunctionNotCaptured,
    InvalidField,
    LandbridgeError,
    MissingArgument,
    UnknownArgument,
    UnknownOption,
)
from landbridge.submission import check_arguments
from landbridge.tasks import as_task

from tests.py_client.conftest import check_schema


def fit(data: Any, depth: int = 6, *, scale: float) -> Any:
    return data, depth, scale


def loose(first: Any, /, *rest: Any, **named: Any) -> Any:
    return first, rest, named


def sentence(kind: type[LandbridgeError], call: Any) -> str:
    with pytest.raises(kind) as caught:
        call()
    assert caught.value.code == kind.code
    return str(caught.value)


def test_every_option_reaches_the_task() -> None:
    made = lb.task(
        fit, runtime="python:3.14", cpus=0.5, memory="4g", seconds=60, pids=64, disk=10**7, network="none", name="n"
    )
    made = lb.task(made, experiment="e", tags={"a": 1}, seed=3)
    fields = made.fields()
    check_schema("task", fields | {"function": {"type": "reference", "package": "m", "name": "f"}})
    assert fields == {
        "language": "python",
        "runtime": "python:3.14",
        "limits": {"cpus": 0.5, "memory": 4 * 2**30, "seconds": 60, "pids": 64, "disk": 10**7, "network": "none"},
        "name": "n",
        "experiment": "e",
        "tags": {"a": "1"},
        "seed": 3,
    }
    assert repr(lb.task(fit, seed=3)) == "<Task fit (python), seed=3>"


@pytest.mark.parametrize(("text", "size"), [("512m", 2**29), ("1.5 GB", 3 * 2**29), ("100", 100), ("2KiB", 2048)])
def test_sizes_are_read_as_people_write_them(text: str, size: int) -> None:
    assert lb.task(fit, memory=text).options["memory"] == size


def test_options_that_are_none() -> None:
    assert sentence(UnknownOption, lambda: lb.task(fit, memori="4g")) == (
        "`memori` is not an option of task().\nDid you mean `memory`?"
    )
    assert "There are: runtime, cpus" in sentence(UnknownOption, lambda: lb.task(fit, gpu=1))
    assert sentence(InvalidField, lambda: lb.task(fit, memory="lots")).startswith("`memory` cannot be `'lots'`.")
    assert sentence(InvalidField, lambda: lb.task(fit, seconds=1.5)).startswith("`seconds` cannot be `1.5`.")
    assert sentence(InvalidField, lambda: lb.task(fit, cpus=True)).startswith("`cpus` cannot be `True`.")
    assert sentence(InvalidField, lambda: lb.task(fit, outputs=["a"])).startswith("`outputs` belongs to scripts.")


def test_how_often_and_after_what_a_job_is_tried_again() -> None:
    fields = lb.task(fit, retries=2, retry_on=["lost", "memory", "lost"]).fields()
    assert (fields["retries"], fields["retry_on"]) == (2, ["lost", "memory"])
    check_schema("task", fields | {"function": {"type": "reference", "package": "m", "name": "f"}})
    assert lb.task(fit, retry_on="memory").fields()["retry_on"] == ["memory"]
    for wrong in (-1, 21, 1.5, True, "2"):
        assert "It is a whole number from 0 to 20." in sentence(
            InvalidField, lambda wrong=wrong: lb.task(fit, retries=wrong)
        )
    causes = "lost, engine, memory, killed, timeout, pids, disk, error"
    for wrong in ("boredom", [], [3], None):
        told = sentence(InvalidField, lambda wrong=wrong: lb.task(fit, retry_on=wrong))
        assert told.startswith("`retry_on` cannot be ")
        assert f"It is one or more of {causes}." in told


def test_arguments_are_checked_against_the_function() -> None:
    made = as_task(fit)
    assert check_arguments(made, (1,), {"scale": 2}) == ["data", "scale"]
    assert sentence(UnknownArgument, lambda: check_arguments(made, (1,), {"scael": 2})) == (
        "`fit` has no argument `scael`.\nDid you mean `scale`?"
    )
    assert sentence(MissingArgument, lambda: check_arguments(made, (1,), {})) == "`fit` needs the argument `scale`."
    assert "takes 2 arguments, and 3 were given" in sentence(
        UnknownArgument, lambda: check_arguments(made, (1, 2, 3), {})
    )
    assert "got the argument `data` twice" in sentence(
        UnknownArgument, lambda: check_arguments(made, (1,), {"data": 1})
    )
    assert check_arguments(as_task(loose), (1, 2), {"x": 3}) == ["first", "argument 2", "x"]
    assert sentence(MissingArgument, lambda: check_arguments(as_task(loose), (), {"first": 1})).startswith(
        "`loose` needs"
    )


def test_arguments_of_source_text_are_checked_too() -> None:
    made = lb.python("def f(a, b=1, *, c, d=2):\n    return a\n")
    assert check_arguments(made, (1,), {"c": 1}) == ["a", "c"]
    assert sentence(MissingArgument, lambda: check_arguments(made, (1,), {})) == "`f` needs the argument `c`."
    assert sentence(UnknownArgument, lambda: check_arguments(made, (1,), {"e": 1})).startswith(
        "`f` has no argument `e`."
    )
    assert check_arguments(lb.r("function(x) x"), (1,), {"y": 2}) == ["argument 1", "y"]


def test_scripts_are_read_by_their_ending(tmp_path: Path) -> None:
    path = tmp_path / "report.R"
    path.write_text("x <- 1\n")
    made = lb.task(path, outputs=["x"])
    assert (made.language, made.name) == ("r", "report.R")
    assert made.document == {"type": "script", "file": str(path), "text": "x <- 1\n", "outputs": ["x"]}
    check_schema("task", made.fields() | {"function": made.document})
    assert "the file cannot be read" in sentence(FunctionNotCaptured, lambda: lb.task(str(tmp_path / "none.py")))
    assert "ends in .py or .R" in sentence(FunctionNotCaptured, lambda: lb.task("report.txt"))
    assert "it is a `int`, not a function" in sentence(FunctionNotCaptured, lambda: lb.task(3))


def test_code_that_does_not_parse_is_refused_at_once(tmp_path: Path) -> None:
    path = tmp_path / "train.py"
    path.write_text("x = 1\ny = = 2\n")
    with pytest.raises(CodeDoesNotParse) as caught:
        lb.task(path)
    assert caught.value.message == f"{path} does not parse: invalid syntax (line 2)."
    assert caught.value.detail["line"] == 2
    assert sentence(CodeDoesNotParse, lambda: lb.python("return 1")).startswith(
        "The text does not parse: 'return' outside"
    )


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("fit <- function(x) x\n", "fit"),
        ("base <- 2\n`my fun` = function(x) {\n  inner <- function(y) y\n  inner(x)\n}\n", "my fun"),
        ("sq <- \\(x) x^2", "sq"),
    ],
)
def test_the_one_function_of_r_text_needs_no_name(text: str, name: str) -> None:
    made = lb.r(text)
    assert made.language == "r"
    assert made.document is not None
    assert (made.document["name"], made.document["text"]) == (name, text)


@pytest.mark.parametrize("text", ["function(x) x + 1", "# adds\nfunction (x) x", "\\(x) x"])
def test_a_bare_function_of_r_is_called_f(text: str) -> None:
    made = lb.r(text)
    assert made.document is not None
    assert (made.document["name"], made.document["text"]) == ("f", f"f <- {text}")


def test_files_of_functions(tmp_path: Path) -> None:
    path = tmp_path / "clean.R"
    path.write_text("a <- function(x) x\nb <- function(x) x\n")
    made = lb.r(str(path), "b")
    assert made.document == {"type": "source", "name": "b", "text": path.read_text(), "file": str(path), "line": 1}
    several = sentence(FunctionNotCaptured, lambda: lb.r(path))
    assert several.endswith("it defines several functions.\nSay which one with `name`: It has: `a`, `b`.")
    assert "the file cannot be read" in sentence(FunctionNotCaptured, lambda: lb.r("none.R"))


def test_python_text_by_name_or_alone() -> None:
    text = "import math\ndef a(x):\n    return x\ndef b(x):\n    return a(x)\n"
    made = lb.python(text, "b")
    assert made.document is not None
    assert (made.document["name"], made.document["text"]) == ("b", text)
    assert "it does not define" not in repr(lb.python("from math import sqrt", "sqrt"))
    assert sentence(FunctionNotCaptured, lambda: lb.python(text, "c")).startswith(
        "`c` cannot be captured: the text does not define it."
    )
    alone = lb.python("lambda x: x + 1")
    assert alone.document is not None
    assert alone.document["text"] == "f = (lambda x: x + 1\n)"


@pytest.mark.parametrize(
    ("what", "form", "hint"),
    [
        (fit, "tibble", 'For Python it is "pandas", "polars", "arrow" or "duckdb".'),
        (lb.r("function(x) x"), "pandas", 'For R it is "data.frame", "tibble", "data.table", "arrow" or "duckdb".'),
    ],
)
def test_tables_arrive_in_the_forms_of_the_language(what, form: str, hint: str) -> None:
    assert lb.task(what, as_="arrow").fields()["as"] == "arrow"
    with pytest.raises(InvalidField) as refused:
        lb.task(what, as_=form)
    assert (refused.value.message, refused.value.hint) == (f"`as` cannot be `{form}`.", hint)
    assert refused.value.detail == {"field": "as"}


def test_the_schema_knows_the_forms_of_each_language() -> None:
    task = {"language": "r", "function": {"type": "reference", "package": "base", "name": "identity"}}
    for form in ("tibble", "arrow", "duckdb", None):
        check_schema("task", task | {"as": form})
    with pytest.raises(ValidationError):
        check_schema("task", task | {"as": "pandas"})
    check_schema("task", task | {"language": "python", "as": "pandas"})


def test_a_library_that_is_not_here_is_told_before_user_code(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wanted_frames, "find_spec", lambda name: None)
    with pytest.raises(CodecMissing) as refused:
        wanted_frames.check_wanted("polars")
    assert refused.value.message == 'The job wants its tables as "polars", and its image has no package polars.'
    assert refused.value.hint == "Use a runtime whose image has it, or leave `as` out."
    wanted_frames.check_wanted(None)
