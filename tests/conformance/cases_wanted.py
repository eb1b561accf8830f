"""Tables as a task wants them: `as` says what they arrive as, and what comes back is a frame all the same."""

from __future__ import annotations

import datetime as dt

import pyarrow as pa

from tests.conformance.cases_values import OBJECT, frame
from tests.conformance.harness import Case, Node, Outcome

TABLE = pa.table(
    {
        "n": pa.array([1, 2, None, 4], pa.int32()),
        "x": pa.array([0.5, 1.5, 2.5, None]),
        "s": pa.array(["a", None, "c", "d"]),
        "f": pa.array(["u", "v", "u", None]).dictionary_encode(),
        "d": pa.array([dt.date(2020, 1, 1), None, dt.date(2020, 1, 3), dt.date(2020, 1, 4)]),
    }
)
FILES = {f"{OBJECT}.arrow": TABLE}
NAMED = TABLE.select(["n", "x", "f", "d", "s"])


def wanted(name: str, form: str, source: dict[str, str], check, node: Node | None = None, files=FILES, **more) -> Case:
    values = [("x", frame(TABLE, "pandas") if node is None else node)]
    return Case(f"as {form}: {name}", source, check, values, files, {"as": form}, **more)


def texts(*expected: str):
    def check(outcome: Outcome) -> None:
        assert outcome.code == 0, outcome.error_or_none()
        node = outcome.result
        found = node["values"] if node["kind"] == "vector" else [item["value"] for _, item in node["items"]]
        assert found == list(expected)

    return check


def _same(outcome: Outcome) -> None:
    assert outcome.code == 0, outcome.error_or_none()
    back = outcome.table(outcome.result)
    assert back.column_names == TABLE.column_names
    for name in TABLE.column_names:
        assert back.column(name).to_pylist() == TABLE.column(name).to_pylist(), name
    assert outcome.result["rows"] == TABLE.num_rows
    assert len(outcome.result["preview"]) == TABLE.num_rows


def _filtered(outcome: Outcome) -> None:
    assert outcome.code == 0, outcome.error_or_none()
    back = outcome.table(outcome.result)
    assert back.to_pydict() == {"n": [2, 4], "x": [1.5, None]}
    assert outcome.result["columns"][0]["type"] == "int32"


def tagged() -> Node:
    """A frame of R whose dates are stored as integers, with row names, which are its last column."""
    node = frame(NAMED, "data.frame")
    node["descriptor"]["columns"] = {"d": {"tag": {"storage": "integer"}}}
    node["descriptor"]["names"] = ["n", "x", "f", "d"]
    node["descriptor"]["row_names"] = "s"
    return node


def _tags_come_back(outcome: Outcome) -> None:
    """Told by the hint where another language had it, and by the descriptor where R had it itself."""
    descriptor = outcome.result["descriptor"]
    if outcome.language == "r":
        assert (descriptor["class"], descriptor["columns"]) == ("data.frame", {"d": {"tag": {"storage": "integer"}}})
    else:
        assert descriptor["hint"]["class"] == "data.frame"
        assert descriptor["hint"]["columns"]["d"]["tag"] == {"storage": "integer"}
    assert (descriptor["row_names"], descriptor["names"]) == ("s", ["n", "x", "f", "d"])
    assert outcome.table(outcome.result).column_names == ["n", "x", "f", "d", "s"]


def _wire_types(outcome: Outcome) -> None:
    assert outcome.code == 0, outcome.error_or_none()
    back = outcome.table(outcome.result)
    assert [str(field.type) for field in back.schema] == ["time64[us]", "date32[day]", "float"]
    assert [one["type"] for one in outcome.result["columns"]] == ["time64[us]", "date32[day]", "float"]
    assert back.to_pydict() == {"t": [dt.time(0, 0, 1)], "d": [dt.date(1970, 1, 2)], "h": [1.0]}


def _absent(package: str):
    def check(outcome: Outcome) -> None:
        assert outcome.code == 0
        assert outcome.error["type"] == "landbridge_codec_missing"
        message = 'The job wants its tables as "duckdb", and its image has no package %s.'
        assert outcome.error["message"].startswith(message % package)
        assert outcome.log("stdout") == ""

    return check


ARROW = [
    wanted(
        "it is the table itself, mapped",
        "arrow",
        {
            "python": "def f(x):\n    import pyarrow as pa\n    before = pa.total_allocated_bytes()\n"
            "    return ['table' if isinstance(x, pa.Table) else '', str(before < 1000), str(x.schema.metadata)]\n",
            "r": 'f <- function(x) list(if (inherits(x, "Table")) "table", "True", '
            'if (length(x$metadata) == 0) "None")\n',
        },
        texts("table", "True", "None"),
    ),
    wanted(
        "returned as it came",
        "arrow",
        {"python": "def f(x):\n    return x\n", "r": "f <- function(x) x\n"},
        _same,
    ),
    wanted(
        "queried where it lies",
        "arrow",
        {
            "python": "def f(x):\n    import pyarrow.compute as pc\n"
            "    return x.filter(pc.equal(pc.bit_wise_and(x['n'], 1), 0)).select(['n', 'x'])\n",
            "r": "f <- function(x) x |> dplyr::filter(n %% 2L == 0L) |> dplyr::select(n, x)\n",
        },
        _filtered,
    ),
    wanted(
        "tags, row names and class of R",
        "arrow",
        {"python": "def f(x):\n    return x\n", "r": "f <- function(x) x\n"},
        _tags_come_back,
        tagged(),
        {f"{OBJECT}.arrow": NAMED},
    ),
    wanted(
        "what the job makes of it is cast to the types that cross",
        "arrow",
        {
            "python": "def f(x):\n    import pyarrow as pa\n    import numpy as np\n"
            "    return pa.table({'t': pa.array([1], pa.int32()).cast(pa.time32('s')),\n"
            "        'd': pa.array([86400000], pa.int64()).cast(pa.date64()),\n"
            "        'h': pa.array(np.array([1.0], 'float16'))})\n",
            "r": 'f <- function(x) arrow::arrow_table(t = arrow::Array$create(1L)$cast(arrow::time32("s")), '
            "d = arrow::Array$create(1L)$cast(arrow::date32())$cast(arrow::date64()), "
            "h = arrow::Array$create(1)$cast(arrow::float16()))\n",
        },
        _wire_types,
    ),
    Case(
        "as arrow: what a function captured stays what it was",
        {
            "python": "def f(x):\n    return [type(x).__name__, type(held).__name__]\n",
            "r": "f <- function(x) list(class(x)[[1]], class(held)[[1]])\n",
        },
        lambda outcome: texts("Table", {"python": "DataFrame", "r": "tbl_df"}[outcome.language])(outcome),
        [("x", frame(TABLE, "pandas"))],
        FILES,
        {"as": "arrow"},
        {"free": [{"name": "held", "value": frame(TABLE, "pandas")}]},
    ),
    Case(
        "as arrow: a table inside a list",
        {
            "python": "def f(x):\n    return [type(x[0]).__name__]\n",
            "r": "f <- function(x) list(class(x[[1]])[[1]])\n",
        },
        texts("Table"),
        [("x", {"kind": "list", "shape": "list", "items": [[None, frame(TABLE, "pandas")]]})],
        FILES,
        {"as": "arrow"},
    ),
]
DUCKDB = [
    wanted(
        "a relation over the table",
        "duckdb",
        {"python": "def f(x):\n    return x.filter('n % 2 = 0').select('n', 'x')\n"},
        _filtered,
        only="python",
    ),
    wanted(
        "a package that the image has not is told before the code runs",
        "duckdb",
        {"r": 'cat("ran")\nf <- function(x) cat("ran")\n'},
        _absent("duckdb"),
        only="r",
    ),
]
CLASSES = [
    wanted(
        "one class for all",
        form,
        {"python": "def f(x):\n    return [type(x).__module__ + '.' + type(x).__name__]\n"},
        texts(name),
        only="python",
    )
    for form, name in (("pandas", "pandas.DataFrame"), ("polars", "polars.dataframe.frame.DataFrame"))
] + [
    wanted("one class for all", form, {"r": "f <- function(x) list(class(x)[[1]])\n"}, texts(name), only="r")
    for form, name in (("data.frame", "data.frame"), ("tibble", "tbl_df"), ("data.table", "data.table"))
]
CASES = [*ARROW, *DUCKDB, *CLASSES]
