"""Geometries of geopandas, and those of R, in one Python with geopandas and in one without."""

from __future__ import annotations

from typing import Any

import geopandas as gpd
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from geopandas.testing import assert_geodataframe_equal
from landbridge import geometry_columns, geometry_frames, series
from landbridge.geometry_bytes import broken
from landbridge.kinds import Json
from landbridge.received import received
from shapely import to_wkb
from shapely.geometry import GeometryCollection, LinearRing, LineString, MultiPolygon, Point, Polygon, box

from tests.py_client.conftest import Road

WKT = gpd.GeoSeries(crs="EPSG:25832").crs.to_wkt()
PLACES = [Point(1, 2), Polygon([(0, 0), (4, 0), (4, 4)]), None]


def of_r(road: Road, cells: list[Any], crs: Json | None = None, **tag: Any) -> Json:
    """A node as R writes a frame of sf."""
    node = road.node(pa.table({"n": list(range(len(cells))), "place": pa.array(cells, pa.binary())}))
    found = {"type": "geometry", "of": "POINT", **({"crs": crs} if crs else {}), **tag}
    sf_column = {"name": "sf_column", "class": None, "value": {"kind": "scalar", "type": "str", "value": "place"}}
    descriptor = {
        "class": "data.frame",
        "names": ["n", "place"],
        "columns": {"place": {"tag": found}},
        "row_names": "automatic",
        "rows": len(cells),
        "attributes": [sf_column],
        "library": {"r": {"class": ["sf", "data.frame"]}},
    }
    return node | {"descriptor": descriptor}


@pytest.fixture
def without_geopandas(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (geometry_columns, geometry_frames):
        monkeypatch.setattr(module, "installed", lambda name: name not in ("geopandas", "shapely"))
    assert series.installed("geopandas")


@pytest.mark.parametrize("crs", ["EPSG:4326", "EPSG:25832", "+proj=laea +lat_0=10 +lon_0=20", None])
def test_a_frame_of_geopandas_is_the_same(road: Road, crs: str | None) -> None:
    frame = gpd.GeoDataFrame({"n": [1, 2, 3]}, geometry=PLACES, crs=crs)
    assert_geodataframe_equal(road.there_and_back(frame), frame)
    moved = frame.rename_geometry("place").set_index("n")
    assert_geodataframe_equal(road.there_and_back(moved), moved)
    assert road.there_and_back(moved).active_geometry_name == "place"
    assert_geodataframe_equal(road.there_and_back(frame.iloc[:0]), frame.iloc[:0])


def test_the_second_column_and_labels_that_are_numbers(road: Road) -> None:
    frame = gpd.GeoDataFrame({0: [1, 2, 3], 1: gpd.GeoSeries(PLACES), 2: gpd.GeoSeries(PLACES, crs=3857)})
    back = road.there_and_back(frame.set_geometry(2))
    assert (back.active_geometry_name, list(back.columns)) == (2, [0, 1, 2])
    assert (back[1].crs, back[2].crs) == (None, "EPSG:3857")


def test_a_frame_of_pandas_with_geometries_stays_one(road: Road) -> None:
    frame = pd.DataFrame({"x": gpd.GeoSeries(PLACES, crs=4326)})
    back = road.there_and_back(frame)
    assert type(back) is pd.DataFrame
    pd.testing.assert_frame_equal(back, frame)
    bare = gpd.GeoDataFrame({"x": [1]})
    assert type(road.there_and_back(bare)) is gpd.GeoDataFrame


def test_the_tag_and_the_preview(road: Road) -> None:
    node = road.node(gpd.GeoDataFrame(geometry=PLACES, crs="EPSG:25832"))
    tag = {"type": "geometry", "crs": {"input": "EPSG:25832", "wkt": WKT}, "empty": False}
    assert node["descriptor"]["columns"] == {"geometry": {"tag": tag}}
    assert node["descriptor"]["library"]["geopandas"] == {"active": "geometry"}
    assert node["columns"] == [{"name": "geometry", "type": "binary", "verdict": "exact"}]
    assert node["preview"] == [["POINT (1 2)"], ["POLYGON ((0 0, 4 0, 4 4, 0 0))"], [None]]


def test_linear_rings_are_told(road: Road) -> None:
    node = road.node(gpd.GeoDataFrame(geometry=[LinearRing([(0, 0), (1, 0), (1, 1)])]))
    assert node["columns"][0]["verdict"] == "equal"
    assert "linear rings" in node["columns"][0]["reason"]


def test_sf_arrives_as_a_frame_of_geopandas_and_goes_home_with_its_tag(road: Road) -> None:
    # As GDAL writes it, in other lines than pyproj.
    crs = {"input": "EPSG:25832", "wkt": WKT.replace(",BASE", ",\n    BASE")}
    node = of_r(road, [Point(1, 2).wkb, Point(3, 4).wkb], crs, precision=1000)
    frame = road.decode(node)
    assert type(frame) is gpd.GeoDataFrame
    assert (frame.crs, frame.active_geometry_name) == ("EPSG:25832", "place")
    assert list(frame.place) == [Point(1, 2), Point(3, 4)]
    assert received(node, road.source) == []
    assert road.node(frame)["descriptor"]["columns"] == node["descriptor"]["columns"]
    elsewhere = road.node(frame.to_crs("EPSG:4326"))["descriptor"]["columns"]["place"]["tag"]
    assert elsewhere["crs"]["input"] == "EPSG:4326"


def test_a_crs_that_pyproj_cannot_read_is_told_and_kept(road: Road) -> None:
    crs = {"input": "our grid", "wkt": "nonsense"}
    node = of_r(road, [Point(1, 2).wkb], crs)
    told = {"name": "place", "verdict": "lossy", "reason": "its CRS `our grid` is none that pyproj can read"}
    assert received(node, road.source) == [told]
    frame = road.decode(node)
    assert frame.crs is None
    assert road.node(frame)["descriptor"]["columns"]["place"]["tag"]["crs"] == crs


def test_other_frames_have_wkb(road: Road) -> None:
    node = of_r(road, [Point(1, 2).wkb, None])
    road.source.wanted = "polars"
    frame = road.decode(node)
    assert type(frame) is pl.DataFrame
    assert frame["place"].to_list() == [Point(1, 2).wkb, None]
    assert received(node, road.source)[0]["reason"] == "its geometries are WKB, for only frames of pandas have others"


@pytest.mark.usefixtures("without_geopandas")
def test_without_geopandas_it_is_bytes_whose_tag_goes_home(road: Road) -> None:
    node = of_r(road, [Point(1, 2).wkb, None], {"input": "EPSG:25832", "wkt": WKT})
    frame = road.decode(node)
    assert type(frame) is pd.DataFrame
    assert frame["place"].tolist() == [Point(1, 2).wkb, None]
    assert received(node, road.source)[0]["reason"] == "its geometries are WKB, for geopandas is not installed"
    home = road.node(frame)
    assert home["descriptor"]["columns"] == node["descriptor"]["columns"]
    assert home["preview"][0] == ["0", "WKB of 21 bytes"]


def test_a_frame_of_geopandas_survives_a_python_without_it(road: Road, monkeypatch: pytest.MonkeyPatch) -> None:
    frame = gpd.GeoDataFrame({"n": [1, 2, 3], "place": PLACES}, geometry="place", crs="EPSG:4326")
    node = road.node(frame)
    with monkeypatch.context() as patch:
        for module in (geometry_columns, geometry_frames):
            patch.setattr(module, "installed", lambda name: name not in ("geopandas", "shapely"))
        assert received(node, road.source)[0]["verdict"] == "equal"
        between = road.decode(node)
        assert type(between) is pd.DataFrame
        node = road.node(between)
    assert_geodataframe_equal(road.decode(node), frame)


HEAD = b"\1\7\0\0\0\1\0\0\0"
POINT = Point(1, 2).wkb
SOUND = {
    "many parts": MultiPolygon([box(n, 0, n + 0.5, 1) for n in range(500)]),
    "holes": Polygon(box(0, 0, 9, 9).exterior, [box(1, 1, 2, 2).exterior] * 400),
    "a long line": LineString([(n, n, n) for n in range(5000)]),
    "a collection": GeometryCollection([Point(n, 1) for n in range(1000)]),
}


@pytest.mark.parametrize("name", SOUND)
@pytest.mark.parametrize("flavor", ["iso", "extended"])
@pytest.mark.parametrize("order", [0, 1])
def test_sound_wkb_is_looked_over_to_its_end(name: str, flavor: str, order: int) -> None:
    cell = to_wkb(SOUND[name], flavor=flavor, byte_order=order)
    assert len(cell) > 18_000
    assert broken([None, cell]) is None
    assert broken([cell[:-1]]) == (1, "it is no valid WKB")
    assert broken([to_wkb(SOUND[name], include_srid=True, byte_order=order)]) is None


def test_collections_may_nest_32_deep() -> None:
    padding = POINT * 1000
    assert broken([HEAD * 32 + POINT + padding]) is None
    assert broken([POINT, HEAD * 33 + POINT + padding]) == (2, "a collection nests more than 32 deep")


@pytest.mark.parametrize("cell", [b"", b"\1", POINT[:-1], b"\1\x2a" + bytes(30_000), b"\7" * 20_000, HEAD * 10**5])
def test_broken_wkb_is_refused_with_its_row(road: Road, cell: bytes) -> None:
    node = of_r(road, [POINT, None, cell])
    with pytest.raises(Exception, match=r"its geometries cannot be read: .* \(row 3\)") as refused:
        road.decode(node)
    assert type(refused.value).__name__ == "ValueCannotCross"
    assert refused.value.detail["column"] == "place"
