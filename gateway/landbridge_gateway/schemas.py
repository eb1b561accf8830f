"""The contract's JSON Schemas, and the sentences that say where a document leaves them."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import jsonschema_rs
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError, relevance
from referencing import Registry, Resource

from landbridge_gateway.errors import InvalidField
from landbridge_gateway.model import Json

_LONG = 20  # items of a list that are all looked at to say what is wrong
_MOST_ERRORS = 100
_NESTING = (dict, list)  # a union would be made again for each value that is looked at
_DEEP = 200  # levels of JSON, of which a list takes three: results may hold lists 50 deep, and readers get no deeper


class Schemas:
    """All schemas of ``containers/schema``, by the name before ``.schema.json``."""

    def __init__(self, folder: Path) -> None:
        self.documents = {
            path.name.removesuffix(".schema.json"): json.loads(path.read_text())
            for path in sorted(folder.glob("*.schema.json"))
        }
        registry: Registry[Any] = Registry().with_resources(
            (document["$id"], Resource.from_contents(document)) for document in self.documents.values()
        )
        self._validators = {
            name: Draft202012Validator(document, registry=registry) for name, document in self.documents.items()
        }
        fast = jsonschema_rs.Registry([(document["$id"], document) for document in self.documents.values()])
        self._fast = {
            name: jsonschema_rs.Draft202012Validator(document, registry=fast)
            for name, document in self.documents.items()
        }
        self._lists = {
            name: jsonschema_rs.Draft202012Validator(
                {"type": "array", "items": {"$ref": document["$id"]}}, registry=fast
            )
            for name, document in self.documents.items()
        }

    def fits(self, name: str, document: Any) -> bool:
        """Most documents do, and are told so some hundred times faster than what is wrong with the others."""
        return not _deeper_than(_DEEP, document) and bool(self._fast[name].is_valid(document))

    def problems(self, name: str, documents: list[Any]) -> dict[int, tuple[str, str]]:
        """The problems of those that do not fit, as of :meth:`problem`, by their places.

        Mostly there are none, and all are looked at in one go.
        """
        if not _deeper_than(_DEEP + 1, documents) and self._lists[name].is_valid(documents):
            return {}
        found = ((place, self.problem(name, document)) for place, document in enumerate(documents))
        return {place: problem for place, problem in found if problem}

    def problem(self, name: str, document: Any) -> tuple[str, str] | None:
        """The path and the sentence of the worst problem, or None when the document fits."""
        if self.fits(name, document):
            return None
        if _deeper_than(_DEEP, document):
            return "", "is nested too deeply"
        path, limit = self._first(name, document)
        small, places = _around(document, path)
        errors = list(islice(self._validators[name].iter_errors(small), _MOST_ERRORS))
        if not errors:
            return _path(path), "does not fit" if limit is None else _BOUNDS["maxItems"].format(limit)
        worst = _deepest(max(errors, key=relevance))
        return _path(_placed(worst.absolute_path, places)), _sentence(worst)

    def _first(self, name: str, document: Any) -> tuple[list[str | int], int | None]:
        """Where the first problem is, and the bound of a list that is too long there."""
        try:
            self._fast[name].validate(document)
        except jsonschema_rs.ValidationError as error:
            kind: Any = error.kind
            too_long = isinstance(kind, jsonschema_rs.ValidationErrorKind.MaxItems)
            return list(error.instance_path), kind.limit if too_long else None
        return [], None

    def check(self, name: str, document: Json) -> None:
        """Refuse a document that does not fit, naming the field."""
        found = self.problem(name, document)
        if found is None:
            return
        field, sentence = found
        raise InvalidField(f"`{field}` {sentence}." if field else f"The body {sentence}.", field=field)


def _around(document: Any, path: list[str | int]) -> tuple[Any, dict[int, int]]:
    """What has to be looked at to say what is wrong at ``path``: long lists on the way keep the one item that it leads
    through, and other long lists keep none. Of the former the true place of that item, by the step of the path.

    Saying what is wrong takes half a millisecond for each item of a list, and a body may have a million of them.
    """
    places: dict[int, int] = {}

    def small(part: Any, on_path: bool, depth: int) -> Any:
        step = path[depth] if on_path and depth < len(path) else None
        if isinstance(part, dict):
            return {name: small(value, name == step, depth + 1) for name, value in part.items()}
        if not isinstance(part, list):
            return part
        if len(part) <= _LONG:
            return [small(value, place == step, depth + 1) for place, value in enumerate(part)]
        if not isinstance(step, int):
            return part[:1] if on_path else []
        places[depth] = step
        return [small(part[step], True, depth + 1)]

    return small(document, True, 0), places


def _placed(path: Iterable[str | int], places: dict[int, int]) -> Iterator[str | int]:
    for depth, step in enumerate(path):
        yield places.get(depth, step)


def _deeper_than(most: int, document: Any) -> bool:
    level = [document] if isinstance(document, _NESTING) else []
    for _ in range(most):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, _NESTING)
        ]
        if not level:
            return False
    return True


def _deepest(error: ValidationError) -> ValidationError:
    while error.context:
        error = max(error.context, key=lambda inner: len(inner.absolute_path))
    return error


def _path(parts: Iterable[str | int]) -> str:
    text = ""
    for part in parts:
        text += f"[{part}]" if isinstance(part, int) else f".{part}"
    return text.lstrip(".")


def _sentence(error: ValidationError) -> str:
    rule, wanted, given = error.validator, error.validator_value, error.instance
    if rule == "additionalProperties" and isinstance(given, dict):
        known = list(error.schema.get("properties", {})) if isinstance(error.schema, dict) else []
        return _unknown_field([name for name in given if name not in known], known)
    if rule == "required" and isinstance(given, dict) and isinstance(wanted, list):
        return f"lacks the field `{next((name for name in wanted if name not in given), wanted[0])}`"
    if rule == "type":
        kinds = wanted if isinstance(wanted, list) else [wanted]
        return f"must be {' or '.join(_KINDS[str(kind)] for kind in kinds)}, not {_short(given)}"
    if rule in ("enum", "const"):
        options = wanted if isinstance(wanted, list) else [wanted]
        return f"must be one of {', '.join(json.dumps(option) for option in options)}, not {_short(given)}"
    if rule in ("minimum", "maximum"):
        schema = error.schema if isinstance(error.schema, dict) else {}
        return f"must be from {schema.get('minimum')} to {schema.get('maximum')}, not {_short(given)}"
    if rule in _BOUNDS:
        return _BOUNDS[rule].format(wanted)
    if rule == "oneOf" and isinstance(wanted, list) and all(set(option) == {"required"} for option in wanted):
        names = [f"`{option['required'][0]}`" for option in wanted]
        return f"has exactly one of the fields {', '.join(names)}"
    return _OTHERS.get(str(rule), "does not fit")


_BOUNDS = {
    "maxLength": "has at most {} characters",
    "minLength": "has at least {} characters",
    "maxItems": "has at most {} entries",
    "minItems": "has at least {} entries",
    "maxProperties": "has at most {} fields",
}
_OTHERS = {"pattern": "is not written as such a text is", "anyOf": "lacks its value"}
_KINDS = {
    "object": "an object",
    "array": "a list",
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "null": "null",
}


def _unknown_field(unknown: list[str], known: list[str]) -> str:
    near = difflib.get_close_matches(unknown[0], known, 1) if unknown else []
    hint = f"did you mean `{near[0]}`" if near else f"there are: {', '.join(known)}"
    return f"has an unknown field `{unknown[0][:100]}`; {hint}"


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else text[:57] + "..."
