"""Frames of geopandas through a job of R and back, broken WKB in both languages, and a CRS that R has changed."""

from __future__ import annotations

import json
from pathlib import Path

import geopandas as gpd
import pandas as pd
import pyarrow as pa
import pytest
from geopandas.testing import assert_geodataframe_equal
from landbridge.errors import ValueCannotCross
from shapely.geometry import GeometryCollection, LineString, MultiPoint, MultiPolygon, Point, Polygon

from tests.types.roads import returned, sent, told

pytestmark = pytest.mark.docker

HOLE = Polygon([(0, 0), (4, 0), (4, 4)], [[(1, 0.5), (2, 0.5), (2, 1)]])
SHAPES = {
    "points": [Point(13.4, 52.5), Point(-0.1, 51.5)],
    "polygons with holes": [HOLE, HOLE],
    "many parts": [MultiPoint([(1, 2), (3, 4)]), MultiPolygon([HOLE])],
    "mixed": [Point(1, 2), HOLE, LineString([(0, 0), (1, 1)]), GeometryCollection([Point(1, 2), HOLE])],
    "empty": [Point(1, 2), Point(), Polygon()],
    "missing": [Point(1, 2), None],
    "heights": [Point(1, 2, 3), LineString([(0, 0, 1), (1, 1, 2)])],
    "no rows": [],
}


@pytest.mark.parametrize("crs", ["EPSG:4326", "EPSG:25832", None])
@pytest.mark.parametrize("name", SHAPES)
def test_a_frame_of_geopandas_comes_back_from_r_as_it_was(forks, tmp_path, name, crs):
    shapes = SHAPES[name]
    frame = gpd.GeoDataFrame({"n": range(len(shapes))}, geometry=shapes, crs=crs)
    outcome = forks["r"].run("f <- function(x) x", sent(frame, tmp_path, "r"))
    back = returned(outcome)
    assert type(back) is gpd.GeoDataFrame
    assert_geodataframe_equal(back, frame)
    assert str(back.crs) == str(frame.crs)


def test_it_is_a_frame_of_sf_in_r(forks, tmp_path):
    frame = gpd.GeoDataFrame({"n": [1, 2], "shape": SHAPES["points"]}, geometry="shape", crs="EPSG:4326")
    source = """f <- function(x) {
      crs <- attr(x$shape, "crs")
      list(class(x), attr(x, "sf_column"), names(attr(x, "agr")), class(x$shape), crs$input, substr(crs$wkt, 1, 7),
        as.numeric(x$shape[[2]]))
    }"""
    parts = returned(forks["r"].run(source, sent(frame, tmp_path, "r")))
    found = [list(part) if hasattr(part, "tolist") else part for part in parts]
    # The image has wk, and not sf, without which a tibble can do nothing with such a column.
    assert found[0] == ["sf", "data.frame"]
    assert found[1:] == ["shape", "n", ["sfc_POINT", "sfc"], "EPSG:4326", "GEOGCRS", [-0.1, 51.5]]


def test_a_plain_frame_with_geometries_stays_plain_in_python(forks, tmp_path):
    frame = pd.DataFrame({"g": gpd.GeoSeries(SHAPES["mixed"], crs="EPSG:3857")})
    outcome = forks["r"].run('f <- function(x) { stopifnot(inherits(x, "sf")); x }', sent(frame, tmp_path, "r"))
    back = returned(outcome)
    assert type(back) is pd.DataFrame
    pd.testing.assert_frame_equal(back, frame)


def test_missing_geometries_are_told(forks, tmp_path):
    frame = gpd.GeoDataFrame(geometry=SHAPES["missing"])
    outcome = forks["r"].run("f <- function(x) x", sent(frame, tmp_path, "r"))
    assert told(outcome)["geometry"] == "equal: its missing geometries become empty ones, for R has no others"
    both = gpd.GeoDataFrame(geometry=[Point(), None])
    outcome = forks["r"].run(
        "f <- function(x) x", sent(both, tmp_path / "both", "r"), named={"task": {"on_loss": "allow"}}
    )
    assert told(outcome)["geometry"].startswith("lossy: its missing geometries become empty ones, beside those")


def test_a_crs_that_r_changed_is_the_new_one(forks, tmp_path):
    frame = gpd.GeoDataFrame(geometry=SHAPES["points"], crs="EPSG:4326")
    wkt = json.dumps(gpd.GeoSeries(crs="EPSG:25832").crs.to_wkt())
    change = f'attr(x$geometry, "crs") <- structure(list(input = "EPSG:25832", wkt = {wkt}), class = "crs")'
    back = returned(forks["r"].run(f"f <- function(x) {{ {change}\nx }}", sent(frame, tmp_path, "r")))
    assert back.crs == "EPSG:25832"
    none = 'attr(x$geometry, "crs") <- structure(list(input = NA_character_, wkt = NA_character_), class = "crs")'
    back = returned(forks["r"].run(f"f <- function(x) {{ {none}\nx }}", sent(frame, tmp_path / "none", "r")))
    assert back.crs is None


def test_a_job_of_python_without_geopandas_has_wkb_and_hands_it_on(forks, tmp_path):
    frame = gpd.GeoDataFrame({"n": [1]}, geometry=[Point(1, 2)], crs="EPSG:4326")
    source = "def f(x):\n    assert type(x.geometry[0]) is bytes\n    return x\n"
    outcome = forks["python"].run(source, sent(frame, tmp_path, "python"))
    assert told(outcome)["geometry"] == "equal: its geometries are WKB, for geopandas is not installed"
    assert_geodataframe_equal(returned(outcome), frame)


NESTED = b"\1\7\0\0\0\1\0\0\0" * 300_000 + b"\1\1\0\0\0" + bytes(16)
BROKEN = {
    "cut": (Point(1, 2).wkb[:-3], "it is no valid WKB"),
    "cut in its last part": (MultiPolygon([HOLE]).wkb[:-9], "it is no valid WKB"),
    "no WKB": (b"not WKB at all", "it is no valid WKB"),
    "empty bytes": (b"", "it is no valid WKB"),
    "more points than bytes": (b"\1\2\0\0\0\xff\xff\xff\xff" + bytes(32), "it is no valid WKB"),
    "nested too deep": (NESTED, "a collection nests more than 32 deep"),
    "large and no WKB": (b"\2" * 20_000, "it is no valid WKB"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_wkb_is_refused_with_its_row_in_both_languages(forks, tmp_path, name):
    cell, reason = BROKEN[name]
    outcome, node = sent(gpd.GeoDataFrame(geometry=[Point(1, 2), Point(3, 4)]), tmp_path, "r")
    replace_column(outcome.file(node["object"]), [Point(1, 2).wkb, cell])
    sentence = f"cannot cross: its geometries cannot be read: {reason} (row 2)."
    error = forks["r"].run("f <- function(x) x", (outcome, node)).error
    assert "landbridge_value_cannot_cross" in error["classes"]
    assert error["message"].startswith('`1["geometry"]` ' + sentence)
    with pytest.raises(ValueCannotCross, match="cannot be read") as refused:
        returned(outcome, node)
    assert str(refused.value).startswith(f'`result["geometry"]` {sentence}')


def replace_column(path: Path, cells: list[bytes]) -> None:
    """As somebody may upload it."""
    table = pa.ipc.open_file(path.read_bytes()).read_all()
    changed = table.set_column(0, "geometry", pa.array(cells, pa.binary()))
    with pa.ipc.new_file(path, table.schema) as writer:
        writer.write_table(changed)
