"""Functions to capture: each shows one thing that a function may use. Lines are named by the tests."""

from __future__ import annotations

import collections
import functools
import json as js
import os.path
import statistics
import threading
import xml.etree
import xml.etree.ElementTree
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import tests.py_client.gateway as own_module

THRESHOLD = 3
LOCK = threading.Lock()
TABLE = list(range(5000))


def clean(x: Any) -> Any:
    return x * THRESHOLD


tidy = clean


def fit(x: Any, scale: float = THRESHOLD) -> Any:
    """Uses a helper, modules, an attribute of a module, a builtin."""
    return OrderedDict(a=clean(x) * scale, b=js.dumps(statistics.mean([x])), c=os.path.sep, d=len([x]))


def renamed(x: Any) -> Any:
    return tidy(x)


def even(n: int) -> bool:
    return n == 0 or odd(n - 1)


def factorial(n: int) -> int:
    return 1 if n == 0 else n * factorial(n - 1)


def odd(n: int) -> bool:
    return n != 0 and even(n - 1)


def parity(n: int) -> str:
    return "even" if even(n) else "odd"


class Point:
    """A class of the user's own."""

    def __init__(self, x: int) -> None:
        self.x = clean(x)

    def shift(self) -> Point:
        return Point(self.x + 1)


def with_class(x: int) -> int:
    return Point(x).shift().x


def doubled(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def inner(*args: Any) -> Any:
        return 2 * function(*args)

    return inner


@doubled
def decorated(x: Any) -> Any:
    return x + 1


def maker(offset: int) -> Callable[[int], int]:
    text = """
  kept
"""

    def closed(x: int) -> int:
        label = """
as it is
"""
        return x + offset + len(text) + len(label)

    return closed


def uses_submodule(text: str) -> str:
    return xml.etree.ElementTree.fromstring(text).tag


def uses_lock() -> None:
    with LOCK:
        return


def uses_lock_deep() -> None:
    return uses_lock()


def uses_own_module() -> Any:
    return own_module.TOKEN


def uses_table() -> int:
    return len(TABLE) + collections.Counter(TABLE)[1]


PAIR = (lambda x: x + 1, lambda x: x + 2)
WRAPPED = lambda x: (  # noqa: E731
    x * THRESHOLD
)
