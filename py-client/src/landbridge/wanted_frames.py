"""How a job wants its tables: as the library's frames, or as the Arrow table itself, mapped and not converted.

What a task says by ``as`` holds for its arguments. The names are the task's, those of R among them.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from landbridge.errors import CodecMissing
from landbridge.kinds import Json

if TYPE_CHECKING:
    import pyarrow as pa

# What tables may arrive as, by the task's language, and the package that each needs in the job's image.
PACKAGES: Mapping[str, Mapping[str, str | None]] = {
    "python": {"pandas": "pandas", "polars": "polars", "arrow": "pyarrow", "duckdb": "duckdb"},
    "r": {"data.frame": None, "tibble": "tibble", "data.table": "data.table", "arrow": "arrow", "duckdb": "duckdb"},
}


def check_wanted(wanted: str | None) -> None:
    """:class:`CodecMissing` when the library that a job wants its tables in is not here."""
    package = PACKAGES["python"].get(wanted or "")
    if package is not None and find_spec(package) is None:
        raise CodecMissing(
            f'The job wants its tables as "{wanted}", and its image has no package {package}.',
            "Use a runtime whose image has it, or leave `as` out.",
        )


def as_wanted(wanted: str, table: pa.Table, descriptor: Json) -> Any:
    """The table of a frame in the form that was asked for; row names, or an index, are columns behind the others."""
    from landbridge.frames import renamed

    # polars and DuckDB make the same of each type of Arrow, whichever library wrote it.
    shown = renamed(table, descriptor, with_rows=True).replace_schema_metadata(None)
    if wanted == "arrow":
        return shown
    if wanted == "polars":
        import polars as pl

        return pl.from_arrow(shown)
    import duckdb

    return duckdb.from_arrow(shown)
