"""Large columns stay where they are mapped, and may be written to all the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from landbridge import mapped_numbers
from landbridge.columns import read_table
from landbridge.kinds import Json
from landbridge.objects import FolderSink, FolderSource
from landbridge.values import decode, encode

ROWS = 200_000


def mixed(index: Any = None) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "x": np.arange(ROWS, dtype="float64"),
            "s": ["text"] * ROWS,
            "n": np.arange(ROWS),
            "flag": [True] * ROWS,
            "Int": pd.array([None, *range(ROWS - 1)], "Int64"),
            "short": np.arange(ROWS, dtype="int8"),
            "seven": np.arange(ROWS, dtype="float32"),
        },
        index=index,
    )


def there(frame: Any, folder: Path) -> tuple[Json, Path]:
    node = encode(frame, FolderSink(folder), "x")
    return node, folder / node["object"].removeprefix("new:")


def as_of_r(node: Json) -> Json:
    return node | {"descriptor": {"class": "data.frame", "names": node["descriptor"]["names"], "rows": node["rows"]}}


@pytest.mark.parametrize(
    "index", [None, pd.RangeIndex(5, ROWS + 5), [f"row {i}" for i in range(ROWS)], np.arange(ROWS) * 2]
)
def test_a_mixed_frame_is_what_it_was(tmp_path: Path, index: Any) -> None:
    frame = mixed(index)
    node, _ = there(frame, tmp_path)
    pd.testing.assert_frame_equal(decode(node, FolderSource(tmp_path, tmp_path)), frame)


def test_numbers_alone_are_what_they_were(tmp_path: Path) -> None:
    frame = mixed()[["x", "n"]]
    node, _ = there(frame, tmp_path)
    pd.testing.assert_frame_equal(decode(node, FolderSource(tmp_path, tmp_path)), frame)


@pytest.mark.parametrize("of_r", [False, True])
def test_what_is_written_changes_the_frame_and_never_the_file(tmp_path: Path, of_r: bool) -> None:
    node, path = there(mixed(), tmp_path)
    if of_r:
        node = as_of_r(node)
    path.chmod(0o444)
    before = path.read_bytes()
    frame = decode(node, FolderSource(tmp_path, tmp_path))
    frame.loc[0, "x"] = -1.0
    frame.iloc[1, 2] = -2
    frame.loc[frame["n"] > 100, "x"] = 0.5
    frame["short"] += 1
    assert (frame["x"][0], frame["n"][1], frame["x"][ROWS - 1]) == (-1.0, -2, 0.5)
    assert path.read_bytes() == before
    again = decode(node, FolderSource(tmp_path, tmp_path))
    assert (again["x"][0], again["n"][1]) == (0.0, 1)


def test_large_numbers_are_not_copied(tmp_path: Path) -> None:
    _, path = there(mixed(), tmp_path)
    table = read_table(path)
    found = mapped_numbers.mapped_numbers(table)
    assert sorted(found) == ["n", "x"]  # the others are small, are no plain numbers, or have missing ones
    address = table.column("x").chunk(0).buffers()[1].address
    assert found["x"].__array_interface__["data"] == (address, False)
    assert mapped_numbers.mapped_numbers(table, {"x": "float64", "n": "Int64"}).keys() == {"x"}


def test_many_columns_are_left_to_pandas(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, path = there(mixed(), tmp_path)
    monkeypatch.setattr(mapped_numbers, "_MOST", 1)
    assert mapped_numbers.mapped_numbers(read_table(path)) == {}
