"""Tasks: what to run and under which limits, without data."""

from __future__ import annotations

import ast
import difflib
import inspect
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from landbridge.environments import chosen, without_other
from landbridge.errors import CodeDoesNotParse, FunctionNotCaptured, InvalidField, UnknownOption
from landbridge.kinds import Json
from landbridge.r_objects import is_r_function
from landbridge.wanted_frames import PACKAGES

_LIMITS = ("cpus", "memory", "seconds", "pids", "disk", "network")
_RETRIES = ("retries", "retry_on")
_FIELDS = ("runtime", "name", "experiment", "tags", "seed", "on_loss", "decimal", "session", "secrets", *_RETRIES)
_AS = "as_"  # the contract's `as`, which is a word of Python's own
_ENVIRONMENT = ("packages", "image")
OPTIONS = (*_FIELDS[:1], *_LIMITS, *_ENVIRONMENT, *_FIELDS[1:], _AS, "outputs")
_CHOICES = {
    "on_loss": (("warn", "error", "allow"), 'It is "warn", "error" or "allow".'),
    "decimal": (("double", "string"), 'It is "double" or "string".'),
}
RETRIED = ("lost", "engine", "memory", "killed", "timeout", "pids", "disk", "error")
_MOST_RETRIES = 20
_LANGUAGES = {"python": "Python", "r": "R"}
R_NAME = "f"  # R functions have no names of their own
_SHORT_TEXT = 10_000  # characters
_UNITS = {"": 1, "k": 2**10, "m": 2**20, "g": 2**30, "t": 2**40}
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgt]?)(?:i?b)?", re.IGNORECASE)


@dataclass(frozen=True)
class Task:
    """A function or script with its options. ``function`` is captured when it is submitted."""

    language: str
    function: Callable[..., Any] | None = None
    document: Json | None = None
    options: Json = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The name lists show: the option, else the function's or the script's own."""
        if self.options.get("name"):
            return str(self.options["name"])
        if self.document is not None:
            return str(self.document.get("name") or Path(str(self.document.get("file") or "script")).name)
        return R_NAME if self.language == "r" else str(getattr(self.function, "__name__", "function"))

    def fields(self) -> Json:
        """The fields of the contract's task, but for the function and for what its packages decide."""
        found: Json = {"language": self.language}
        limits = {name: self.options[name] for name in _LIMITS if name in self.options}
        named = {name: self.options[name] for name in _FIELDS if name in self.options}
        wanted = {"as": self.options[_AS]} if _AS in self.options else {}
        return found | named | wanted | ({"limits": limits} if limits else {})

    def __repr__(self) -> str:
        options = "".join(f", {name}={value!r}" for name, value in self.options.items())
        return f"<Task {self.name} ({self.language}){options}>"


def task(what: Any, /, **options: Any) -> Task:
    """A task from a function, another task, or the path of a script (``train.py``, ``report.R``), with options.

    Options: ``runtime`` ("r:4.6"), ``packages`` and ``image`` (below), ``cpus``, ``memory`` and ``disk`` (bytes, or
    text such as "4g"), ``seconds``, ``pids``, ``network`` ("none" or "outbound"), ``name``, ``experiment``, ``tags`` (a
    dict of text), ``seed``,
    ``on_loss`` ("warn", "error" or "allow": what becomes of a table's column that cannot cross without loss),
    ``decimal`` ("double", or "string": decimals cross as text, which R has in full), and for scripts ``outputs``, the
    variables that become the result; ``session``, a session or its id, in which the job runs; ``secrets``, names of
    secrets that the gateway keeps, which the code reads with :func:`~landbridge.secret`; ``retries``, how often the job
    is tried again at most, and ``retry_on``, after which ends: "lost", "engine", "memory", "killed", "timeout", "pids",
    "disk", "error" (the first two where it is not said: ends in which the job had no part).

    ``as_`` is what tables among the arguments arrive as: "pandas", "polars", "arrow" (the table itself, mapped and not
    converted) or "duckdb"; for tasks of R "data.frame", "tibble", "data.table", "arrow" or "duckdb". Where it is not
    said, each is what it was. Arguments of the function belong to ``submit``.

    ``packages`` are those that the image of the runtime lacks: a name or a list of names, with versions where these
    matter (``["scikit-learn>=1.5", "polars"]``, ``{"polars": ">=1.0"}``); the path of ``requirements.txt``,
    ``pyproject.toml`` (with the ``uv.lock`` beside it), ``uv.lock``, a script with a block of PEP 723, ``renv.lock`` or
    ``DESCRIPTION``; or ``"auto"``: what the code imports, at the versions that are installed here, told in one line.
    A Python script with such a block needs no option. Addresses, paths and pip's options are refused. ``image`` names
    an image that the gateway allows ("sha256:..."), in the place of packages.

    Raises ``UnknownOption``, ``InvalidField`` (a value of another form), ``CodeDoesNotParse``, ``FunctionNotCaptured``.
    """
    made = as_task(what)
    checked = chosen({name: _checked(name, value) for name, value in options.items()}, made.language)
    if _AS in checked:
        _check_as(checked[_AS], made.language)
    outputs = checked.pop("outputs", None)
    if outputs is not None:
        if made.document is None or made.document["type"] != "script":
            raise InvalidField(
                "`outputs` belongs to scripts.", "A function's result is what it returns.", field="outputs"
            )
        made = replace(made, document=made.document | {"outputs": outputs})
    return replace(made, options=without_other(made.options, checked) | checked)


def as_task(what: Any) -> Task:
    """The task of a function or a script's path; a task is itself."""
    if isinstance(what, Task):
        return what
    if isinstance(what, str | Path):
        return _script(Path(what))
    if is_r_function(what):
        return Task("r", function=what)
    if not callable(what):
        kind = type(what).__name__
        raise FunctionNotCaptured(
            kind, f"it is a `{kind}`, not a function", "Submit a function, a task, r() or python()."
        )
    return Task("python", function=what)


def _script(path: Path) -> Task:
    language = {".py": "python", ".r": "r"}.get(path.suffix.lower())
    if language is None:
        raise FunctionNotCaptured(
            str(path), "a script's name ends in .py or .R", "For source text use r() or python()."
        )
    text = read_source(path)
    if language == "python":
        parsed(text, str(path))
    return Task(language, document={"type": "script", "file": str(path), "text": text})


def read_source(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise FunctionNotCaptured(str(path), f"the file cannot be read ({reason})", "Check the path.") from None


def parsed(text: str, label: str) -> ast.Module:
    """The syntax tree of Python text, which nobody may change; :class:`CodeDoesNotParse` with the line where it breaks.

    Trees of short texts are kept: who calls again and again sends the same.
    """
    return (_parsed_once if len(text) <= _SHORT_TEXT else _parsed)(text, label)


def _parsed(text: str, label: str) -> ast.Module:
    try:
        tree = ast.parse(text)
        compile(text, label, "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError) as error:
        line = getattr(error, "lineno", None) or 1
        message = getattr(error, "msg", None) or str(error)
        raise CodeDoesNotParse(f"{label} does not parse: {message} (line {line}).", line=line, file=label) from None
    return tree


_parsed_once = lru_cache(32)(_parsed)


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that was probably meant."""
    return next(iter(difflib.get_close_matches(name, list(known), 1, 0.6)), None)


def _checked(name: str, value: Any) -> Any:
    if name not in OPTIONS:
        meant = nearest(name, OPTIONS)
        hint = f"Did you mean `{meant}`?" if meant else f"There are: {', '.join(OPTIONS)}."
        raise UnknownOption(f"`{name}` is not an option of task().", hint, option=name)
    if name in _ENVIRONMENT:
        return value  # they are looked at together
    if name in ("memory", "disk"):
        return _bytes(name, value)
    if name == "session":
        value = getattr(value, "id", value)
    if name == "secrets" and isinstance(value, str):
        value = [value]
    if name in _CHOICES and value not in _CHOICES[name][0]:
        raise InvalidField(f"`{name}` cannot be `{value!r}`.", _CHOICES[name][1], field=name)
    if name == "retries":
        return _retries(value)
    if name == "retry_on":
        return _retry_on(value)
    forms: dict[str, tuple[tuple[type, ...], str]] = {
        "cpus": ((int, float), "a number, such as 0.5 or 2"),
        "seconds": ((int,), "a whole number of seconds"),
        "pids": ((int,), "a whole number"),
        "seed": ((int, type(None)), "a whole number from 0 to 2147483647"),
        "tags": ((dict,), 'a dict of text, such as {"kind": "baseline"}'),
        "secrets": ((list, tuple), 'the name of a secret, or a list of names, such as ["db_password"]'),
        "outputs": ((list, tuple), 'a list of names, such as ["coef"]'),
    }
    kinds, form = forms.get(name, ((str, type(None)), "text"))
    if not isinstance(value, kinds) or isinstance(value, bool):
        raise InvalidField(f"`{name}` cannot be `{value!r}`.", f"It is {form}.", field=name)
    if isinstance(value, dict):
        return {str(key): str(text) for key, text in value.items()}
    return list(value) if isinstance(value, list | tuple) else value


def _retries(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= _MOST_RETRIES:
        hint = f"It is a whole number from 0 to {_MOST_RETRIES}."
        raise InvalidField(f"`retries` cannot be `{value!r}`.", hint, field="retries")
    return value


def _retry_on(value: Any) -> list[str]:
    causes = [value] if isinstance(value, str) else list(value) if isinstance(value, list | tuple | set) else [value]
    for cause in causes or [None]:
        if cause not in RETRIED:
            hint = f"It is one or more of {', '.join(RETRIED)}."
            raise InvalidField(f"`retry_on` cannot be `{cause!r}`.", hint, field="retry_on")
    return list(dict.fromkeys(causes))


def _check_as(value: str | None, language: str) -> None:
    known = PACKAGES[language]
    if value is not None and value not in known:
        names = [f'"{name}"' for name in known]
        hint = f"For {_LANGUAGES[language]} it is {', '.join(names[:-1])} or {names[-1]}."
        raise InvalidField(f"`as` cannot be `{value}`.", hint, field="as")


def _bytes(name: str, value: Any) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    match = _SIZE.fullmatch(value.strip()) if isinstance(value, str) else None
    if not match:
        raise InvalidField(
            f"`{name}` cannot be `{value!r}`.", 'It is a number of bytes, or text such as "4g".', field=name
        )
    return int(float(match[1]) * _UNITS[match[2].lower()])


@dataclass(frozen=True)
class Parameters:
    """What a Python function takes: checked at submit, so that a slip of the pen is told at once."""

    positional: tuple[str, ...]
    named: tuple[str, ...]
    required: tuple[str, ...]
    any_positional: bool
    any_named: bool


def parameters_of(made: Task) -> Parameters | None:
    """The parameters of a task's Python function; None where they cannot be known."""
    if made.function is not None and made.language != "python":
        return None
    if made.function is not None:
        try:
            return _from_signature(inspect.signature(made.function))
        except (TypeError, ValueError):
            return None
    if made.language != "python" or made.document is None or made.document["type"] != "source":
        return None
    text = made.document["text"]
    # A long one is parsed each time, and was found to compile when the task was made.
    tree = parsed(text, made.document["file"] or "The text") if len(text) <= _SHORT_TEXT else ast.parse(text)
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name == made.document["name"]:
            # A decorator may change what the function takes.
            return None if node.decorator_list else _from_ast(node.args)
    return None


def _from_signature(signature: inspect.Signature) -> Parameters:
    kinds = inspect.Parameter
    found = list(signature.parameters.values())
    plain = [one for one in found if one.kind in (kinds.POSITIONAL_ONLY, kinds.POSITIONAL_OR_KEYWORD)]
    fixed = [one for one in found if one.kind not in (kinds.VAR_POSITIONAL, kinds.VAR_KEYWORD)]
    return Parameters(
        tuple(one.name for one in plain),
        tuple(one.name for one in fixed if one.kind is not kinds.POSITIONAL_ONLY),
        tuple(one.name for one in fixed if one.default is kinds.empty),
        any(one.kind is kinds.VAR_POSITIONAL for one in found),
        any(one.kind is kinds.VAR_KEYWORD for one in found),
    )


def _from_ast(args: ast.arguments) -> Parameters:
    plain = [one.arg for one in (*args.posonlyargs, *args.args)]
    only = [one.arg for one in args.kwonlyargs]
    needed = plain[: len(plain) - len(args.defaults)]
    needed += [name for name, default in zip(only, args.kw_defaults, strict=True) if default is None]
    named = [one.arg for one in args.args] + only
    return Parameters(tuple(plain), tuple(named), tuple(needed), args.vararg is not None, args.kwarg is not None)
