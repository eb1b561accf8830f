"""Frames with geometries: as geopandas has them where it is installed, else of pandas, with WKB and their tags kept."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from landbridge.frames import wire_names
from landbridge.geometry_columns import geometries_of, is_geometry, is_geometry_tag
from landbridge.kinds import Json
from landbridge.object_columns import object_series
from landbridge.objects import ORIGIN
from landbridge.series import installed


def geopandas_facts(x: Any) -> Json | None:
    """Which column holds the geometries of a GeoDataFrame, by its wire name; also of one that came as plain pandas."""
    if type(x).__module__.partition(".")[0] != "geopandas":
        facts: Json | None = (x.attrs.get(ORIGIN) or {}).get("geopandas")
        return facts
    labels, active = x.columns.tolist(), x.active_geometry_name
    return {"active": wire_names(labels)[labels.index(active)] if active in labels else None}


def decoded_geometries(table: pa.Table, descriptor: Json) -> dict[str, Any]:
    """The columns of WKB: geometries where geopandas is installed, else bytes."""
    found: dict[str, Any] = {}
    for name, entry in (descriptor.get("columns") or {}).items():
        tag = (entry or {}).get("tag") or {}
        if name not in table.column_names or not is_geometry_tag(tag, table.schema.field(name).type):
            continue
        if installed("geopandas"):
            found[name] = geometries_of(table.column(name), tag, name)
        else:
            found[name] = object_series(table.column(name), {"cell": "bytes"}).array
    return found


def with_geometries(frame: Any, table: pa.Table, descriptor: Json, index: list[Any]) -> Any:
    """A frame of Python with geometries as one of geopandas where it was one, or another language made them."""
    facts = (descriptor.get("library") or {}).get("geopandas")
    tagged = _tagged(descriptor) & set(table.column_names)
    tags = {name: entry for name, entry in (descriptor.get("columns") or {}).items() if name in tagged}
    if not tags:
        # A GeoDataFrame may be without geometries, but is none any more when it has lost them.
        bare = facts is not None and facts.get("active") is None and installed("geopandas")
        return _bare(frame) if bare else frame
    if not installed("geopandas"):
        types = {name: str(table.schema.field(name).type) for name in tags}
        frame.attrs[ORIGIN] = {"columns": tags, "types": types, "geopandas": facts}
        return frame
    if facts is None and not set(tags) & set(descriptor.get("foreign") or ()):
        return frame
    data = [name for name in table.column_names if name not in index]
    active = (facts or {}).get("active")
    return of_geopandas(frame, frame.columns[data.index(active)] if active in data else None)


def _bare(frame: Any) -> Any:
    import geopandas

    return geopandas.GeoDataFrame(frame)


def _tagged(descriptor: Json) -> set[str]:
    tags = descriptor.get("columns") or {}
    return {name for name, entry in tags.items() if ((entry or {}).get("tag") or {}).get("type") == "geometry"}


def of_geopandas(frame: Any, active: Any) -> Any:
    """The frame as one of geopandas, whose geometries are those of the column ``active``, else the first such."""
    if not installed("geopandas"):
        return frame
    import geopandas

    labels = [label for position, label in enumerate(frame.columns) if is_geometry(frame.iloc[:, position])]
    if not labels:
        return frame
    chosen = active if active in labels else labels[0]
    if list(frame.columns).count(chosen) > 1:
        return frame
    made = geopandas.GeoDataFrame(frame, geometry=chosen)
    made.attrs = frame.attrs
    return made
