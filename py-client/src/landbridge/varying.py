"""What varies from point to point of a sweep: lists, what ``each()`` marks, and parameter frames."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from landbridge.errors import InvalidField, UnknownArgument
from landbridge.kinds import Json, Missing
from landbridge.objects import Sink
from landbridge.scalars import element
from landbridge.values import encode
from landbridge.vectors import one_type


class Each:
    """What :func:`each` and :func:`combinations` return: the values of one argument, or of several by name."""

    def __init__(self, values: list[Any] | None = None, columns: dict[str, list[Any]] | None = None) -> None:
        self.values, self.columns = values, columns

    def __repr__(self) -> str:
        if self.columns is None:
            return f"<each of {len(self.values or []):,} values>"
        length = len(next(iter(self.columns.values()), []))
        return f"<each of {length:,} rows of {', '.join(self.columns)}>"


@dataclass(frozen=True)
class Common:
    """What :func:`common` returns: one value for all points."""

    value: Any


def each(values: Any) -> Each:
    """What gives each point of :func:`~landbridge.map` a value of its own, where that is no bare list.

    A frame of pandas, polars or pyarrow gives each point a row: its columns are arguments of those names. Anything else
    that can be gone through (a tuple, an array, a series, a generator) gives each point one of its elements.
    """
    columns = _columns(values)
    if columns is not None:
        return Each(columns=columns)
    if isinstance(values, str | bytes | Mapping) or not isinstance(values, Iterable):
        raise InvalidField(
            f"each() cannot go through a {type(values).__name__}.", "Give a list, an array or a frame.", field="each"
        )
    return Each(values.tolist() if hasattr(values, "tolist") else list(values))


def common(value: Any) -> Common:
    """Keep a list one value for all points of a sweep, which would else vary."""
    return Common(value)


def combinations(**values: Any) -> Each:
    """All combinations of the values of some arguments: ``combinations(depth=[2, 4], rate=[0.1, 0.2])`` is four points.

    The first name varies slowest.
    """
    lists = {name: each(given).values for name, given in values.items()}
    for name, given in lists.items():
        if given is None:
            raise InvalidField(f"`{name}` is a frame, and combinations are made of values.", "Give a list.", field=name)
    rows = list(itertools.product(*[given or [] for given in lists.values()]))
    return Each(columns={name: [row[position] for row in rows] for position, name in enumerate(lists)})


def is_table(given: Any) -> bool:
    """Is it a table of points, whose columns are arguments themselves?"""
    return isinstance(given, Each) and given.columns is not None


def _columns(x: Any) -> dict[str, list[Any]] | None:
    """The columns of a frame by name; its library is loaded already, or ``x`` would not be here."""
    library = type(x).__module__.partition(".")[0]
    if library == "pandas" and isinstance(x, sys.modules["pandas"].DataFrame):
        return {str(name): x.iloc[:, position].tolist() for position, name in enumerate(x.columns)}
    if library == "polars" and isinstance(x, sys.modules["polars"].DataFrame):
        return {name: values for name, values in x.to_dict(as_series=False).items()}  # noqa: C416
    if library == "pyarrow" and hasattr(x, "to_pydict"):
        return dict(x.to_pydict())
    return None


class _Place:
    """Stands among a sweep's arguments for one that differs from point to point."""

    def __init__(self, column: int) -> None:
        self._column = column

    def __landbridge_node__(self) -> Json:
        return {"kind": "each", "column": self._column}


@dataclass
class Varying:
    """Arguments of which some stand for a column of the table of points."""

    arguments: list[Any] = field(default_factory=list)
    named: dict[str, Any] = field(default_factory=dict)
    columns: list[list[Any]] = field(default_factory=list)
    places: list[int | str] = field(default_factory=list)  # of each column: among the arguments, or a name

    @property
    def n(self) -> int:
        return len(self.columns[0])

    def take(self, place: int | str, given: Any) -> Any:
        """What stands in the place of an argument."""
        if isinstance(given, Common):
            return given.value
        values = given.values if isinstance(given, Each) else list(given) if isinstance(given, list | range) else None
        if values is None and isinstance(given, Each):
            raise InvalidField(f"`{place}` is a frame, whose columns are arguments themselves.", "Give it no name.")
        return given if values is None else self._column(place, values)

    def spread(self, columns: Mapping[str, list[Any]]) -> None:
        """Each column is an argument of its name."""
        for name, values in columns.items():
            if name in self.named:
                raise UnknownArgument(f"The argument `{name}` was given twice.", "Give it once.", argument=name)
            self.named[name] = self._column(name, values)

    def _column(self, place: int | str, values: list[Any]) -> _Place:
        self.columns.append(values)
        self.places.append(place)
        return _Place(len(self.columns) - 1)

    def check(self) -> None:
        """All that varies must be of one length."""
        if not self.columns:
            raise InvalidField("Nothing varies from point to point.", "Give a list, or each(...) of what differs.")
        names = [place if isinstance(place, str) else f"argument {place + 1}" for place in self.places]
        for name, values in zip(names, self.columns, strict=True):
            if len(values) != self.n:
                raise InvalidField(
                    f"`{names[0]}` has {self.n:,} values, and `{name}` has {len(values):,}.",
                    "What varies is of one length; what is common to all points goes into common().",
                    field=name,
                )

    def names(self, paths: list[str]) -> list[str]:
        """What each column's argument is called, where ``paths`` names the arguments by their place."""
        return [place if isinstance(place, str) else paths[place] for place in self.places]

    def table(self, names: list[str], sink: Sink) -> Json:
        """The table of points as the contract has it."""
        columns = [_column(values, sink, name) for name, values in zip(names, self.columns, strict=True)]
        return {"n": self.n, "columns": columns}


def varying(args: Iterable[Any], kwargs: Mapping[str, Any]) -> Varying:
    """Tell apart what varies and what is common; :class:`InvalidField` where lengths differ or nothing varies."""
    found, tables = Varying(), []
    for given in args:
        if is_table(given):
            tables.append(given.columns)
        else:
            found.arguments.append(found.take(len(found.arguments), given))
    for name, given in kwargs.items():
        found.named[name] = found.take(name, given)
    for table in tables:
        found.spread(table)
    found.check()
    return found


def _column(values: list[Any], sink: Sink, label: str) -> Json:
    kind = one_type(values)
    # A moment has its zone beside it, for which a column of scalars has no place.
    if kind is None or kind == "datetime":
        items = [[None, encode(value, sink, f"{label}[{position}]")] for position, value in enumerate(values)]
        return {"kind": "list", "items": items}
    plain = [None if isinstance(value, Missing) else element(value, kind) for value in values]
    return {"kind": "vector", "type": kind, "n": len(values), "values": plain}
