"""Single values: which type of the contract they are, and how they stand in JSON."""

from __future__ import annotations

import base64
import datetime as dt
import math
import sys
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from landbridge.kinds import Json, Missing

# Beyond this a double, and with it many a JSON reader, no longer tells neighbours apart.
EXACT_INTEGERS = 2**53

_MICROSECOND = dt.timedelta(microseconds=1)
_EPOCH = dt.datetime(1970, 1, 1)
_EPOCH_UTC = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)

_PLAIN: dict[type, str] = {
    bool: "bool",
    int: "int",
    float: "float",
    complex: "complex",
    str: "str",
    bytes: "bytes",
    dt.date: "date",
    dt.time: "time",
    dt.datetime: "datetime",
    dt.timedelta: "duration",
    Decimal: "decimal",
}


def plain_type(x: object) -> str | None:
    """The contract's type of a plain Python scalar; None for anything else, subclasses included."""
    found = _PLAIN.get(type(x))
    return None if found == "time" and isinstance(x, dt.time) and x.tzinfo else found


def encode_scalar(x: Any) -> Json | None:
    """A scalar node, or None when ``x`` is no scalar of the contract."""
    if isinstance(x, Missing):
        return _node(x.type, None, x.tags)
    found = plain_type(x)
    if found == "datetime":
        zone, tags = zone_of(x)
        return _node(found, element(x, found), tags) | {"tz": zone}
    if found:
        return _node(found, element(x, found), None)
    library = type(x).__module__.partition(".")[0]
    if library == "numpy" and isinstance(x, sys.modules["numpy"].generic):
        return _numpy_node(x)
    return _pandas_node(x) if library == "pandas" else None


def _node(kind: str, value: Any, tags: Mapping[str, Any] | None) -> Json:
    content: Json = {"na": True} if value is None else {"value": value}
    return {"kind": "scalar", "type": kind, **content, **({"tags": dict(tags)} if tags else {})}


def _numpy_node(x: Any) -> Json | None:
    np = sys.modules["numpy"]
    tags: Json = {"dtype": x.dtype.name}
    kind = x.dtype.kind
    if kind in "Mm":
        unit = np.datetime_data(x.dtype)[0]
        if kind == "M" and unit == "D":
            return _node("date", None if np.isnat(x) else str(x), tags)
        name = "datetime" if kind == "M" else "duration"
        if np.isnat(x):
            return _node(name, None, tags) | {"tz": None}
        count = int(x.astype(f"{kind}8[ns]").astype("int64")) if unit == "ns" else None
        micros = count // 1000 if count is not None else int(x.astype(f"{kind}8[us]").astype("int64"))
        if count is not None and count % 1000:
            tags["nanosecond"] = count % 1000
        return _node(name, micros, tags) | ({"tz": None} if kind == "M" else {})
    name = {"b": "bool", "i": "int", "u": "int", "f": "float", "c": "complex", "U": "str", "S": "bytes"}.get(kind, "")
    if not name or (x.dtype.itemsize > (16 if kind == "c" else 8) and kind in "fc"):
        return None
    if kind in "US":
        tags = {"dtype": kind}
    return _node(name, element(x.item(), name), tags)


def _pandas_node(x: Any) -> Json | None:
    kind = type(x).__name__
    if kind == "NAType":
        return _node("bool", None, {"dtype": "NA"})
    if kind == "NaTType":
        return _node("datetime", None, {"dtype": "NaT"}) | {"tz": None}
    tags: Json = {"dtype": kind}
    if kind == "Timestamp":
        zone, extra = zone_of(x)
        tags |= (extra or {}) | {"unit": x.unit, "nanosecond": x.nanosecond}
        return _node("datetime", element(x.to_pydatetime(warn=False), "datetime"), tags) | {"tz": zone}
    if kind == "Timedelta":
        tags |= {"unit": x.unit, "nanosecond": x.nanoseconds}
        return _node("duration", element(x.to_pytimedelta(), "duration"), tags)
    return None


def zone_of(x: dt.datetime) -> tuple[str | None, Json | None]:
    """The zone's name, and what Python needs besides to make the same tzinfo again."""
    zone = x.tzinfo
    if zone is None:
        return None, None
    if zone is dt.UTC:
        return "UTC", None
    name = getattr(zone, "key", None) or getattr(zone, "zone", None)
    if name:
        return str(name), {"zoneinfo": True} if name == "UTC" else None
    offset = x.utcoffset()
    return "UTC", {"offset": offset.total_seconds()} if offset else None


def tzinfo_of(zone: str | None, tags: Mapping[str, Any]) -> dt.tzinfo | None:
    if zone is None:
        return None
    if "offset" in tags:
        return dt.timezone(dt.timedelta(seconds=tags["offset"]))
    if zone == "UTC" and not tags.get("zoneinfo"):
        return dt.UTC
    from zoneinfo import ZoneInfo

    return ZoneInfo(zone)


def element(x: Any, kind: str) -> Any:
    """One value as it stands in JSON; None for None. Times may be given as microseconds already."""
    if x is None:
        return None
    if kind == "int":
        return x if -EXACT_INTEGERS <= x <= EXACT_INTEGERS else str(x)
    if kind == "float":
        return number(x)
    if kind == "complex":
        return {"re": number(x.real), "im": number(x.imag)}
    if kind in ("str", "factor"):
        x.encode()  # half a surrogate pair has no UTF-8, and ends here
        return x
    if kind == "bytes":
        return base64.b64encode(x).decode()
    if kind == "date":
        return str(x)
    if kind in ("datetime", "duration", "time"):
        return x if isinstance(x, int) else microseconds(x)
    return str(x) if kind == "decimal" else x


def number(x: float) -> float | str:
    if math.isfinite(x):
        return x
    return "NaN" if x != x else "Infinity" if x > 0 else "-Infinity"


def microseconds(x: dt.datetime | dt.timedelta | dt.time) -> int:
    if isinstance(x, dt.timedelta):
        return x // _MICROSECOND
    if isinstance(x, dt.time):
        return ((x.hour * 60 + x.minute) * 60 + x.second) * 1_000_000 + x.microsecond
    return (x - (_EPOCH_UTC if x.tzinfo else _EPOCH)) // _MICROSECOND


def of_element(value: Any, kind: str, zone: dt.tzinfo | None = None) -> Any:
    """The Python value of an element that is not missing; the opposite of :func:`element`."""
    if kind == "int":
        return int(value)
    if kind == "float":
        return float(value)
    if kind == "complex":
        return complex(float(value["re"]), float(value["im"]))
    if kind == "bytes":
        return base64.b64decode(value)
    if kind == "date":
        return dt.date.fromisoformat(value)
    if kind == "datetime":
        return instant(int(value), zone)
    if kind == "duration":
        return dt.timedelta(microseconds=int(value))
    if kind == "time":
        return (_EPOCH + dt.timedelta(microseconds=int(value))).time()
    return Decimal(value) if kind == "decimal" else value


def instant(micros: int, zone: dt.tzinfo | None) -> dt.datetime:
    if zone is None:
        return _EPOCH + dt.timedelta(microseconds=micros)
    return (_EPOCH_UTC + dt.timedelta(microseconds=micros)).astimezone(zone)


def decode_scalar(node: Json) -> Any:
    """The Python value of a scalar node; :class:`Missing` when it is missing."""
    tags, kind = node.get("tags") or {}, node["type"]
    dtype = tags.get("dtype")
    if node.get("na"):
        return _missing(kind, dtype, tags)
    value = of_element(node["value"], kind, tzinfo_of(node.get("tz"), tags) if kind == "datetime" else None)
    if dtype in ("Timestamp", "Timedelta"):
        return _pandas_scalar(dtype, value, tags)
    return _numpy_scalar(dtype, value, node, tags) if dtype else value


def _missing(kind: str, dtype: str | None, tags: Json) -> Any:
    if dtype in ("NA", "NaT"):
        import pandas as pd

        return pd.NA if dtype == "NA" else pd.NaT
    if dtype and dtype.startswith(("datetime64", "timedelta64")):
        import numpy as np

        return np.array("NaT", dtype=dtype)[()]
    return Missing(kind, tags or None)


def _numpy_scalar(dtype: str, value: Any, node: Json, tags: Json) -> Any:
    import numpy as np

    if dtype.startswith(("datetime64", "timedelta64")) and node["type"] != "date":
        count, base = int(node["value"]), dtype[: dtype.index("64") + 2]
        if dtype.endswith("[ns]"):
            return np.array(count * 1000 + tags.get("nanosecond", 0)).astype(f"{base}[ns]")[()]
        return np.array(count).astype(f"{base}[us]").astype(dtype)[()]
    return np.array(value, dtype=dtype)[()]


def _pandas_scalar(dtype: str, value: Any, tags: Json) -> Any:
    import pandas as pd

    made = pd.Timestamp(value) if dtype == "Timestamp" else pd.Timedelta(value)
    rest = pd.Timedelta(tags.get("nanosecond", 0), unit="ns")
    return (made.as_unit(tags["unit"]) + rest).as_unit(tags["unit"])
