"""Values of every kind: what goes in comes out, whichever language held it in between."""

from __future__ import annotations

import datetime as dt
import json
import struct

import pyarrow as pa

from tests.conformance.harness import Case, Node, Outcome

ECHO = {"python": "def f(x):\n    return x\n", "r": "f <- function(x) x\n"}
OBJECT = "obj_0000000000000001"
_COMPARED = ("kind", "type", "na", "value", "n", "values", "names", "shape", "order", "dimnames")


def scalar(type: str, value=None, **more) -> Node:
    return {"kind": "scalar", "type": type} | ({"na": True} if value is None else {"value": value}) | more


def vector(type: str, values: list, **more) -> Node:
    return {"kind": "vector", "type": type, "n": len(values), "values": values} | more


def listed(shape: str, *items) -> Node:
    return {"kind": "list", "shape": shape, "items": [list(item) for item in items]}


def essence(node: Node) -> Node:
    """A node without what may differ: who held it, its tags, its object's name."""
    kept = {name: node[name] for name in _COMPARED if node.get(name) not in (None, False)}
    if node["kind"] == "scalar" and isinstance(node.get("value"), float) and node["value"].is_integer():
        kept["value"] = int(node["value"])
    # R has no integers between 2^31 and 2^53: they are doubles there, and of the same value.
    if node.get("type") == "int" and isinstance(node.get("value"), int) and abs(node["value"]) >= 2**31:
        kept["type"] = "float"
    if node["kind"] in ("vector", "array") and "values" in node:
        kept["values"] = [int(v) if isinstance(v, float) and v.is_integer() else v for v in node["values"]]
    if node["kind"] == "list":
        kept["shape"] = "named list" if any(key for key, _ in node["items"]) else "list"
        kept["items"] = [[key or None, essence(item)] for key, item in node["items"]]
    return kept


def comes_back(node: Node):
    def check(outcome: Outcome) -> None:
        assert outcome.code == 0, outcome.log("stderr")
        assert essence(outcome.result) == essence(node)

    return check


def echo(name: str, node: Node, **more) -> Case:
    return Case(name, ECHO, comes_back(node), [(None, node)], **more)


SCALARS = [
    echo("null", {"kind": "null"}),
    *(
        echo(f"scalar {type} {json.dumps(value)}", scalar(type, value))
        for type, value in [
            ("bool", True),
            ("bool", False),
            ("int", 0),
            ("int", -2147483647),
            ("int", 2147483648),
            ("int", 9007199254740992),
            ("float", 0.1),
            ("float", 1e-300),
            ("float", "NaN"),
            ("float", "Infinity"),
            ("float", "-Infinity"),
            ("str", ""),
            ("str", 'naïve ☃ \U0001f600 "quoted" \\ \n\t'),
            ("complex", {"re": 1.5, "im": -2}),
            ("date", "2013-01-31"),
            ("date", "1899-12-31"),
            ("duration", 90_000_000),
        ]
    ),
    echo("scalar int beyond 2^53", scalar("int", "9007199254740993")),
    echo("scalar bytes", scalar("bytes", "AAH/")),
    echo("scalar datetime with a zone", scalar("datetime", 1357032600123456, tz="UTC")),
    echo("scalar datetime elsewhere", scalar("datetime", 1357032600000000, tz="America/New_York")),
    *(echo(f"missing {type}", scalar(type)) for type in ("bool", "int", "float", "str")),
]

VECTORS = [
    echo("vector of int", vector("int", [1, 2, 3])),
    echo("vector of int with a missing one", vector("int", [1, None, 3])),
    echo("vector of float", vector("float", [0.5, 1.25, "NaN", "-Infinity"])),
    echo("vector of bool with a missing one", vector("bool", [True, None, False])),
    echo("vector of str with a missing one", vector("str", ["a", None, "ü"])),
    echo("vector with names", vector("float", [1.5, 2.5], names=["a", "b"])),
    echo("vector of dates", vector("date", ["2013-01-01", None])),
    echo("empty vector", vector("str", [], container="numpy")),
    echo("factor", vector("factor", ["b", None, "a"], tags={"levels": ["a", "b", "c"], "ordered": False})),
]
LONG = pa.table({"value": pa.array([float(i) / 7 for i in range(5000)])})


def _long_comes_back(outcome: Outcome) -> None:
    node = outcome.result
    assert (node["kind"], node["type"], node["n"]) == ("vector", "float", 5000)
    with pa.ipc.open_file(outcome.file(node["object"])) as reader:
        assert reader.read_all()["value"].to_pylist() == LONG["value"].to_pylist()


VECTORS.append(
    Case(
        "vector beyond a thousand goes as an object",
        ECHO,
        _long_comes_back,
        [(None, {"kind": "vector", "type": "float", "n": 5000, "object": OBJECT})],
        {f"{OBJECT}.arrow": LONG},
    )
)

# What stood under the missing values of the table that the job was given, and R's own sign for a missing double.
HIDDEN = (b"Zq~K", b"\xa2\x07\x00\x00\x00\x00\xf0\x7f")


def _with_hidden() -> pa.Table:
    bits = pa.py_buffer(bytes([0b1101]))
    number = int.from_bytes(HIDDEN[0] * 2, "little")
    whole, real = (pa.array([1, number, 3, 4], pa.int64()).buffers()[1], HIDDEN[0] * 2)
    reals = pa.py_buffer(struct.pack("<d", 0.5) + real + struct.pack("<dd", 1.5, 2.5))
    texts = pa.array(["a", HIDDEN[0].decode() * 3, "b", "c"]).buffers()
    columns = {
        "whole": pa.Array.from_buffers(pa.int64(), 4, [bits, whole]),
        "real": pa.Array.from_buffers(pa.float64(), 4, [bits, reals]),
        "text": pa.Array.from_buffers(pa.string(), 4, [bits, *texts[1:]]),
    }
    return pa.table(columns)


def _nothing_hidden(outcome: Outcome) -> None:
    path = outcome.file(outcome.result["object"])
    with pa.ipc.open_file(path) as reader:
        found = reader.read_all()
    assert found["whole"].to_pylist() == [None, 3, 4]
    assert found["real"].to_pylist() == [None, 1.5, 2.5]
    assert found["text"].to_pylist() == [None, "b", "c"]
    for bytes_of in HIDDEN:
        assert bytes_of not in path.read_bytes()


ARRAYS = [
    echo(
        "matrix",
        {"kind": "array", "type": "float", "shape": [2, 3], "order": "F", "values": [1.5, 2.5, 3.5, 4.5, 5.5, 6.5]},
    ),
    echo(
        "matrix with names",
        {
            "kind": "array",
            "type": "int",
            "shape": [2, 2],
            "order": "F",
            "values": [1, 2, 3, 4],
            "dimnames": [["r1", "r2"], ["a", "b"]],
        },
        only="r",
    ),
    echo(
        "cube",
        {"kind": "array", "type": "int", "shape": [2, 2, 2], "order": "F", "values": [1, 2, 3, 4, 5, 6, 7, 8]},
    ),
]


def _row_sums(outcome: Outcome) -> None:
    assert [float(value) for value in outcome.result["values"]] == [6.0, 15.0]


ARRAYS.append(
    Case(
        "row sums of a matrix in C order",
        {
            "python": "def f(x):\n    s = x.sum(axis=1)\n    return s.reshape(2, order='F')\n",
            "r": "f <- function(x) array(rowSums(x), 2)\n",
        },
        _row_sums,
        [
            (
                None,
                {"kind": "array", "type": "int", "shape": [2, 3], "order": "C", "values": [1, 2, 3, 4, 5, 6]},
            )
        ],
    )
)


LISTS = [
    echo("empty list", listed("list")),
    echo("list", listed("list", (None, scalar("int", 1)), (None, scalar("str", "a")), (None, {"kind": "null"}))),
    echo("named list", listed("dict", ("a", scalar("int", 1)), ("b", listed("list", (None, vector("int", [1, 2])))))),
    echo("list with keys twice", listed("named list", ("a", scalar("int", 1)), ("a", scalar("int", 2)))),
    echo("list with some keys", listed("named list", ("a", scalar("int", 1)), (None, scalar("int", 2)))),
]

TABLE = pa.table(
    {
        "flag": pa.array([True, None, False]),
        "count": pa.array([1, None, -2147483647], pa.int32()),
        "share": pa.array([0.1, 0.2, None]),
        "name": pa.array(["a", None, "ü"]),
        "kind": pa.array(["x", "y", None]).dictionary_encode(),
        "day": pa.array([dt.date(2013, 1, 1), None, dt.date(1969, 12, 31)]),
        "at": pa.array([1357032600123456, None, 0], pa.timestamp("us", "UTC")),
        "took": pa.array([1_000_000, None, 0], pa.duration("us")),
    }
)


def frame(table: pa.Table, kind: str = "data.frame") -> Node:
    descriptor = {"class": kind, "names": table.column_names, "row_names": "automatic", "rows": table.num_rows}
    columns = [{"name": field.name, "type": str(field.type)} for field in table.schema]
    return {
        "kind": "frame",
        "object": OBJECT,
        "rows": table.num_rows,
        "columns": columns,
        "descriptor": descriptor,
        "preview": [],
    }


def _python_values(table: pa.Table) -> dict:
    return {name: table[name].to_pylist() for name in table.column_names}


def _table_comes_back(table: pa.Table):
    def check(outcome: Outcome) -> None:
        assert outcome.code == 0, outcome.log("stderr")
        node = outcome.result
        assert node["rows"] == table.num_rows
        assert [column["name"] for column in node["columns"]] == table.column_names
        back = outcome.table(node)
        assert _python_values(back) == _python_values(table)
        assert b"r" not in (back.schema.metadata or {})
        descriptor = json.loads(back.schema.metadata[b"landbridge"])
        assert descriptor["rows"] == table.num_rows
        for field in back.schema:
            assert not isinstance(field.type, pa.ExtensionType)
        assert len(node["preview"]) == min(10, table.num_rows)

    return check


def table_case(name: str, table: pa.Table, kind: str = "data.frame") -> Case:
    return Case(name, ECHO, _table_comes_back(table), [("x", frame(table, kind))], {f"{OBJECT}.arrow": table})


EMPTY = TABLE.slice(0, 0)
FRAMES = [
    table_case("frame of every everyday type", TABLE),
    table_case("frame of no rows", EMPTY),
    table_case("frame of one column", TABLE.select(["share"])),
    table_case("frame handed in as a tibble", TABLE, "tbl_df"),
    table_case("frame handed in as a data.table", TABLE, "data.table"),
    table_case("frame handed in as pandas", TABLE.drop(["took"]), "pandas"),
    table_case("frame of many rows", pa.table({"i": pa.array(range(100_000), pa.int32())})),
]


def _rows_without_columns(outcome: Outcome) -> None:
    assert outcome.result["rows"] == 3
    assert outcome.result["columns"] == []


FRAMES.append(
    Case(
        "frame of no columns keeps its rows",
        {
            "python": "import pandas as pd\n\ndef f():\n    return pd.DataFrame(index=range(3))\n",
            "r": "f <- function() data.frame(a = 1:3)[, integer(0)]\n",
        },
        _rows_without_columns,
    )
)


PLACES = pa.table({"n": pa.array([1, 2], pa.int32()), "place": pa.array([bytes([1, 1, 0, 0, 0]) + bytes(16), None])})
OF_PLACES = {"type": "geometry", "of": "POINT", "null": True, "crs": {"input": "EPSG:4326", "wkt": 'GEOGCRS["WGS 84"]'}}


def _places_come_back(outcome: Outcome) -> None:
    assert outcome.code == 0, outcome.log("stderr")
    node = outcome.result
    assert node["columns"][1]["type"] == "binary"
    assert node["descriptor"]["columns"]["place"]["tag"] == OF_PLACES
    with pa.ipc.open_file(outcome.file(node["object"])) as reader:
        assert reader.read_all().column("place").to_pylist() == PLACES.column("place").to_pylist()


NODE_OF_PLACES = frame(PLACES)
NODE_OF_PLACES["descriptor"]["columns"] = {"place": {"tag": OF_PLACES}}
FRAMES.append(
    Case(
        "geometries come back with their tag",
        {
            "python": "def f(x):\n    assert x['place'].iloc[0][0] == 1\n    return x\n",
            "r": "f <- function(x) {\n  stopifnot(inherits(x$place, 'sfc_POINT'))\n  x\n}\n",
        },
        _places_come_back,
        [(None, NODE_OF_PLACES)],
        {f"{OBJECT}.arrow": PLACES},
    )
)


def _native_comes_back(outcome: Outcome) -> None:
    node = outcome.result
    assert node["kind"] == "native"
    assert node["language"] == outcome.language
    assert node["codec"] == {"r": "rds", "python": "pickle"}[outcome.language]
    assert outcome.file(node["object"]).stat().st_size > 0
    assert node["summary"]["text"]
    assert "Model" in " ".join(node["class"]) or "lm" in node["class"]


def _handle(outcome: Outcome) -> None:
    assert outcome.code == 0, outcome.log("stderr")
    assert outcome.result["values"] == ["julia", "a model"]


NATIVES = [
    Case(
        "an object of the language stays what it is",
        {
            "python": "class Model:\n    coef = 2\n\n\ndef f():\n    return Model()\n",
            "r": "f <- function() stats::lm(dist ~ speed, datasets::cars)\n",
        },
        _native_comes_back,
    ),
    Case(
        "an object of the other language is a handle",
        {
            "python": "def f(x):\n    return [x.language, x.summary]\n",
            "r": "f <- function(x) c(x$language, x$summary)\n",
        },
        _handle,
        [
            (
                None,
                {
                    "kind": "native",
                    "object": OBJECT,
                    "language": "julia",
                    "codec": "rds",
                    "class": ["lm"],
                    "summary": {"text": "a model"},
                },
            )
        ],
        {f"{OBJECT}.rds": b"never opened"},
    ),
]


def _nested(depth: int) -> Node:
    node = scalar("float", 1.5)
    for level in range(depth):
        beside = [None, {"kind": "null"}]
        node = listed("named list", ["down", node]) if level % 2 else listed("list", [None, node], beside)
    return node


LARGE = [
    echo("lists 50 deep", _nested(50)),
    echo(
        "a list of 100,000 elements",
        listed("list", *([None, scalar(*(("int", n) if n % 2 else ("str", "a")))] for n in range(100_000))),
    ),
    echo(
        "a list of 2,000 named elements of every type",
        listed("named list", *([f"k{number}", SCALARS[number % 20].values[0][1]] for number in range(2_000))),
    ),
]


def _unchanged(outcome: Outcome) -> None:
    given, changed = (item for _, item in outcome.result["items"])
    assert given == ARRAY16
    assert sorted(changed["values"]) == [2, 3, 4, 5]
    assert changed != ARRAY16


ARRAY16 = {
    "kind": "array",
    "type": "int",
    "n": 4,
    "values": [1, 2, 3, 4],
    "shape": [2, 2],
    "order": "C",
    "dimnames": None,
    "container": "numpy",
    "dtype": "int16",
}
RECORD = listed("dataclass", ("a", scalar("int", 1)), ("b", scalar("str", "x"))) | {"class": "their.Point"}
UNCHANGED = [
    Case(
        "a value that comes back unchanged is the node that it came as",
        {"python": "def f(x):\n    return [x, x + 1]\n", "r": "f <- function(x) list(x, x + 1L)\n"},
        _unchanged,
        [(None, ARRAY16)],
    ),
    Case(
        "a record comes back as the record that it was",
        ECHO,
        lambda outcome: _is(outcome.result, RECORD),
        [(None, RECORD)],
    ),
]


def _is(found: Node, expected: Node) -> None:
    assert found == expected


def _file_comes_back(outcome: Outcome) -> None:
    node = outcome.result
    assert node["kind"] == "file"
    assert node["name"] == "made.txt"
    assert outcome.file(node["object"]).read_bytes() == b"from the input"


FILES = [
    Case(
        "a file in and a file out",
        {
            "python": (
                "from pathlib import Path\nimport landbridge as lb\n\n"
                "def f(x):\n    made = Path('made.txt')\n    made.write_text(Path(x).read_text())\n"
                "    return lb.as_file(made)\n"
            ),
            "r": (
                "f <- function(x) {\n  writeLines(readLines(x, warn = FALSE), 'made.txt', sep = '')\n"
                "  landbridge::as_file('made.txt')\n}\n"
            ),
        },
        _file_comes_back,
        [(None, {"kind": "file", "object": OBJECT, "name": "given.txt", "media_type": "text/plain"})],
        {f"{OBJECT}.bin": b"from the input"},
    )
]


def _cannot_cross(outcome: Outcome) -> None:
    assert outcome.code == 0
    assert not outcome.has_result
    assert "cannot cross" in outcome.error["message"]
    assert "connection" in outcome.error["message"] or "lock" in outcome.error["message"]


REFUSED = [
    Case(
        "a result that cannot cross names its path",
        {
            "python": "import threading\n\ndef f():\n    return {'a': [1, threading.Lock()]}\n",
            "r": "f <- function() list(a = list(1, textConnection('x')))\n",
        },
        _cannot_cross,
    )
]

UNDER_MISSING = [
    Case(
        "nothing that stands under missing values is in a result",
        {"python": "def f(x):\n    return x.iloc[1:]\n", "r": "f <- function(x) x[-1, ]\n"},
        _nothing_hidden,
        [("x", frame(_with_hidden()))],
        {f"{OBJECT}.arrow": _with_hidden()},
    )
]

CASES = [*UNDER_MISSING, *SCALARS, *VECTORS, *ARRAYS, *LISTS, *LARGE, *UNCHANGED, *FRAMES, *NATIVES, *FILES, *REFUSED]
