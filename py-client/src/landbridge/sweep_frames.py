"""The points of a sweep as one frame: what varied, what came of it, and what was measured."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any

from landbridge.kinds import Json
from landbridge.objects import Source
from landbridge.values import decode

_UNENDED = "not ended"


def frame_of(n: int, varied: Mapping[str, list[Any]], ended: Mapping[int, Json], source: Source) -> Any:
    """One row for each of ``n`` points: a frame of pandas, else of polars, else of pyarrow."""
    told = [ended.get(number, {}) for number in range(n)]
    columns: dict[str, list[Any]] = {"point": list(range(n))}
    columns |= {name: list(values) for name, values in varied.items()}
    columns["state"] = [point.get("state", _UNENDED) for point in told]
    columns["seconds"] = [point.get("seconds") for point in told]
    for name, values in _results(told, source).items():
        columns[name if name not in columns else f"result_{name}"] = values
    for name in dict.fromkeys(name for point in told for name in point.get("metrics") or {}):
        values = [_number((point.get("metrics") or {}).get(name)) for point in told]
        columns[name if name not in columns else f"metric_{name}"] = values
    if any(point.get("error") for point in told):
        columns["error"] = [_why(point.get("error")) for point in told]
    return _frame(columns)


def _results(told: list[Json], source: Source) -> dict[str, list[Any]]:
    """A column for each name where results are scalars by name, else the column ``result``."""
    nodes = [point.get("result") for point in told]
    values = [None if node is None else decode(node, source, False) for node in nodes]
    by_name = [_named(value) for value, node in zip(values, nodes, strict=True) if node is not None]
    if by_name and all(row is not None for row in by_name):
        rows = [_named(value) or {} for value in values]
        names = dict.fromkeys(name for row in rows for name in row)
        return {name: [row.get(name) for row in rows] for name in names}
    if all(node is None or node["kind"] == "null" for node in nodes):
        return {}
    return {"result": values}


def _named(value: Any) -> dict[str, Any] | None:
    """Scalars by their names: of a dict, or of a frame of one row; None for anything else."""
    if isinstance(value, dict):
        plain = all(isinstance(part, bool | int | float | str | None) for part in value.values())
        return {str(name): part for name, part in value.items()} if plain and value else None
    if type(value).__module__.partition(".")[0] == "pandas" and getattr(value, "ndim", 0) == 2 and len(value) == 1:
        return {str(name): value.iloc[0, place] for place, name in enumerate(value.columns)}
    return None


def _number(value: Any) -> float | None:
    return None if value is None else float(value)


def _why(error: Json | None) -> str | None:
    return f"{error['type']}: {error['message']}" if error else None


def _frame(columns: dict[str, list[Any]]) -> Any:
    if find_spec("pandas"):
        import pandas as pd

        return pd.DataFrame(columns)
    if find_spec("polars"):
        import polars as pl

        return pl.DataFrame(columns, strict=False)
    import pyarrow as pa

    return pa.table(columns)
