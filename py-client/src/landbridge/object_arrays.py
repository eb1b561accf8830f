"""numpy arrays of Python objects: those of one plain type go as that type, and all others are refused.

Such an array looks like data and may hold anything. Pickled, it would be code that runs where it is read; so it never
is, neither as a whole nor in part.
"""

from __future__ import annotations

import sys
from typing import Any

from landbridge.errors import ValueCannotCross
from landbridge.native import class_name
from landbridge.scalars import plain_type

_WAY_OUT = 'Give it a type, as by x.astype(str) or x.astype("float64"), or send a list: x.tolist().'


def holds_objects(x: Any) -> bool:
    """Is it an array, of numpy or of a class made from it, some of whose elements are references to objects?"""
    return isinstance(x, sys.modules["numpy"].ndarray) and bool(x.dtype.hasobject)


def type_of_objects(flat: Any, mask: Any, path: str, shape: tuple[int, ...], order: str) -> str:
    """The one type of the contract that all elements have which are there; None is a missing one.

    Raises :class:`ValueCannotCross`, naming the first elements that are in the way.
    """
    found: dict[type, int] = {}
    for position, item in enumerate(flat):
        # In a masked array None is a value among others.
        if item is not None if mask is None else not mask[position]:
            found.setdefault(type(item), position)
    if not found:
        if not flat.size:
            return "str"
        raise ValueCannotCross(path, "it is an array of objects, all of which are missing", _WAY_OUT)
    places = {kind: _place(position, shape, order) for kind, position in found.items()}
    if len(found) > 1:
        (one, here), (other, there) = list(places.items())[:2]
        reason = (
            f"it is an array of objects that mixes {class_name(one)} (at {here}) and {class_name(other)} (at {there})"
        )
        raise ValueCannotCross(path, reason, _WAY_OUT)
    ((kind, position),) = found.items()
    plain = plain_type(flat[position])
    if plain is None or (plain == "datetime" and any(getattr(item, "tzinfo", None) for item in flat)):
        what = "datetimes with a time zone" if plain else f"the type {class_name(kind)}"
        reason = f"it is an array of objects of {what} (at {places[kind]}), for which arrays have no exact type"
        raise ValueCannotCross(path, reason, _WAY_OUT)
    return plain


def refuse_objects(x: Any, path: str) -> ValueCannotCross:
    """Of fields or of a class of one's own, in which objects stand."""
    name = "an array with fields of objects" if x.dtype.names else f"a {type(x).__name__} of objects"
    return ValueCannotCross(
        path, f"it is {name}, which has no exact type", "Send its fields as the columns of a frame."
    )


def check_inside(x: Any, path: str) -> None:
    """Refuse what a container of Python's own, about to be pickled as it is, would take along of such arrays."""
    if "numpy" in sys.modules:
        _look(x, path, set())


def _look(x: Any, path: str, seen: set[int]) -> None:
    if isinstance(x, dict | list | tuple):
        if id(x) not in seen:
            seen.add(id(x))
            for key, inner in x.items() if isinstance(x, dict) else enumerate(x):
                _look(inner, f"{path}[{key!r}]", seen)
    elif holds_objects(x):
        if x.dtype.kind != "O":
            raise refuse_objects(x, path)
        type_of_objects(x.ravel(), None, path, x.shape, "C")


def _place(position: int, shape: tuple[int, ...], order: str) -> str:
    index = sys.modules["numpy"].unravel_index(position, shape, order) if shape else ()
    return f"[{', '.join(str(int(one)) for one in index)}]"
