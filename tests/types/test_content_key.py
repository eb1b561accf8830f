"""One content, one key: tables that R wrote, by either of its codecs, beside the same ones from Python."""

from __future__ import annotations

import datetime as dt
import json
import os
import random
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import landbridge as lb
import pyarrow as pa
import pytest

from tests.conformance.harness import Outcome, image_of
from tests.py_client.test_content_key import OTHER, SAME, VECTORS, documented
from tests.types.roads import sent
from tests.types.test_corpora import table

pytestmark = pytest.mark.docker

IN_R = """
made <- function() {
  frame <- data.frame(
    flag = c(TRUE, NA, FALSE), whole = c(1L, NA, -5L), real = c(NA, NaN, 0.1 + 0.2),
    text = c("a", NA, "\\u00e9\\U1F600"),
    level = factor(c("x", NA, "z"), levels = c("z", "y", "x")),
    rank = factor(c("lo", "hi", NA), levels = c("lo", "hi"), ordered = TRUE),
    day = as.Date(c("2024-01-01", NA, "1900-02-28")), at = .POSIXct(c(0.25, NA, -1), tz = "Europe/Berlin"),
    fine = .POSIXct(c(1700000000.1234567, NA, 1), tz = "UTC"), took = as.difftime(c(1.5, NA, -2), units = "secs"),
    clock = hms::hms(c(0, 86399.5, NA)), byte = as.raw(1:3), long = bit64::as.integer64(c("9007199254740993", NA, "-1"))
  )
  frame$wave <- c(1 + 2i, NA, 0i)
  frame$blob <- list(as.raw(1:3), NULL, raw())
  frame$wholes <- list(1:3, NULL, integer())
  frame$texts <- list("a", c("b", NA), character())
  frame$pair <- matrix(c(1.5, NA, 3, 4, 5, NaN), 3)
  frame$inner <- data.frame(u = c(1L, NA, 3L), v = c("p", "q", NA))
  frame
}
"""
MOMENT = 1_700_000_000_123_456_717  # the double nearest to that second, in whole nanoseconds
COMPLEX = pa.struct([("re", pa.float64()), ("im", pa.float64())])
COLUMNS: dict[str, pa.Array] = {
    "flag": pa.array([True, None, False]),
    "whole": pa.array([1, None, -5], pa.int32()),
    "real": pa.array([None, float("nan"), 0.1 + 0.2]),
    "text": pa.array(["a", None, "\u00e9\U0001f600"]),
    "level": pa.array(["x", None, "z"]).dictionary_encode(),
    "rank": pa.DictionaryArray.from_arrays(pa.array([0, 1, None], pa.int8()), ["lo", "hi"], ordered=True),
    "day": pa.array([dt.date(2024, 1, 1), None, dt.date(1900, 2, 28)]),
    "at": pa.array([250_000, None, -1_000_000], pa.timestamp("us", "Europe/Berlin")),
    "fine": pa.array([MOMENT, None, 10**9], pa.timestamp("ns", "UTC")),
    "took": pa.array([1_500_000, None, -2_000_000], pa.duration("us")),
    "clock": pa.array([0, 86_399_500_000, None], pa.time64("us")),
    "byte": pa.array([1, 2, 3], pa.uint8()),
    "long": pa.array([9007199254740993, None, -1], pa.int64()),
    "wave": pa.array([{"re": 1.0, "im": 2.0}, None, {"re": 0.0, "im": 0.0}], COMPLEX),
    "blob": pa.array([b"\1\2\3", None, b""]),
    "wholes": pa.array([[1, 2, 3], None, []], pa.list_(pa.int32())),
    "texts": pa.array([["a"], ["b", None], []]),
    "pair": pa.array([[1.5, 4.0], [None, 5.0], [3.0, float("nan")]], pa.list_(pa.float64(), 2)),
    "inner": pa.array([{"u": 1, "v": "p"}, {"u": None, "v": "q"}, {"u": 3, "v": None}]).cast(
        pa.struct([("u", pa.int32()), ("v", pa.string())])
    ),
}
PYTHON = pa.table(COLUMNS)


def keys_of_columns(table: pa.Table) -> dict[str, str]:
    """A key for each column, so that a failure names the one that differs."""
    return {name: lb.content_key(table.select([name])) for name in table.column_names}


def layouts(table: pa.Table, folder: Any) -> dict[str, Any]:
    """The same table as other writers lay it out: in chunks, cut from a longer one, with other dictionaries."""
    longer = pa.concat_tables([table, table])
    large = {"level": pa.DictionaryArray.from_arrays(pa.array([2, None, 1], pa.int16()), ["unused", "z", "x"])}
    other = pa.table(COLUMNS | large | {"text": COLUMNS["text"].cast(pa.large_string())})
    files = {"small batches": {"max_chunksize": 1}, "one batch": {}}
    for name, options in files.items():
        with pa.OSFile(str(folder / name), "wb") as out, pa.ipc.new_file(out, table.schema) as writer:
            writer.write_table(table.unify_dictionaries(), **options)
    return {
        "chunks": pa.concat_tables([table.slice(0, 1), table.slice(1, 0), table.slice(1)]),
        "a slice": longer.slice(table.num_rows, table.num_rows),
        "other dictionaries": other,
        **{name: folder / name for name in files},
    }


def test_a_table_of_r_has_the_key_of_the_same_table_of_python(forks, tmp_path):
    made = forks["r"].run(f"{IN_R}\nf <- function() made()\n")
    written = made.table(made.result)
    assert keys_of_columns(written) == keys_of_columns(PYTHON)
    key = lb.content_key(made.file(made.result["object"]))
    assert key == lb.content_key(PYTHON)
    assert {name: lb.content_key(one) for name, one in layouts(PYTHON, tmp_path).items()} == dict.fromkeys(
        layouts(PYTHON, tmp_path), key
    )


def test_the_bridge_of_r_writes_the_same_content(tmp_path):
    script = f"""
    library(landbridge)
    {IN_R}
    put <- function(extension, write) {{
      write(commandArgs(TRUE)[[1]])
      "obj_0000000000000001"
    }}
    codec <- landbridge:::pick_codec("bridge")
    invisible(landbridge:::encode_value(made(), list(put = put, arrow = codec)))
    """
    (tmp_path / "write.R").write_text(script)
    done = subprocess.run(
        ["Rscript", "--vanilla", str(tmp_path / "write.R"), str(tmp_path / "r.arrow")],
        env=os.environ | {"LANDBRIDGE_BRIDGE_PYTHON": sys.executable},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert lb.content_key(tmp_path / "r.arrow") == lb.content_key(PYTHON)


@pytest.mark.parametrize("name", ["penguins", "airlines", "planes"])
def test_a_table_of_python_that_r_writes_anew_keeps_its_key(name, forks, tmp_path):
    # In the types that R has, so that it is the same table there.
    frame = table(name).convert_dtypes(dtype_backend="pyarrow")
    integers = {column: "int32[pyarrow]" for column in frame if str(frame[column].dtype) == "int64[pyarrow]"}
    frame = frame.astype(integers)
    echoed: Outcome = forks["r"].run("f <- function(x) x\n", sent(frame, tmp_path, "r"))
    assert lb.content_key(echoed.file(echoed.result["object"])) == lb.content_key(frame)


# The vectors of docs/content-key.md, made in R.
VECTORS_IN_R = """
library(landbridge)
suppressMessages(library(arrow))
column <- function(x, type) arrow_table(x = Array$create(x, type = type))
named <- function(table, name) { names(table) <- name; table }
instants <- named(arrow_table(x = Array$create(c(0L, 1L, NA))$cast(int64())$cast(timestamp("us", "UTC"))), "t")
vectors <- list(
  nothing = data.frame(), `no rows` = data.frame(x = integer()), integers = data.frame(x = c(1L, NA, -3L)),
  doubles = data.frame(x = c(0, -0, NaN, Inf, NA)), text = data.frame(s = c("a", "", NA, "\\u00e4\\u20ac")),
  factor = data.frame(f = factor(c("u", NA, "v"))),
  ordered = data.frame(f = factor(c("u", NA, "v"), c("v", "u"), ordered = TRUE)), instants = instants,
  lists = named(column(list(c(1L, NA), NULL, integer()), list_of(int64())), "l"),
  `two columns` = data.frame(b = c(TRUE, NA), z = c(1 + 2i, NA))
)
cat(jsonlite::toJSON(lapply(vectors, content_key), auto_unbox = TRUE))
"""

KEYS_OF_FILES = """
library(landbridge)
options(landbridge.codec = Sys.getenv("CODEC"))
files <- list.files("/tables")
cat(jsonlite::toJSON(sapply(files, function(file) content_key(file.path("/tables", file)), simplify = FALSE),
                     auto_unbox = TRUE))
"""


def in_r(script: str, folder: Path, codec: str = "arrow") -> dict[str, str]:
    """The JSON that a script prints in the image of R, where it reads the folder as /tables."""
    command = [
        *("docker", "run", "--rm", "--network", "none", "--read-only", "--tmpfs", "/tmp:exec,mode=1777"),
        *("-e", f"CODEC={codec}", "-v", f"{folder}:/tables:ro", "--entrypoint", "Rscript", image_of("r")),
        *("--vanilla", "-e", script),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    keys: dict[str, str] = json.loads(done.stdout)
    return keys


def test_the_vectors_of_the_document_hold_in_r(tmp_path):
    tmp_path.chmod(0o755)
    assert in_r(VECTORS_IN_R, tmp_path) == documented()


def random_columns(rows: int) -> dict[str, pa.Array]:
    """Long columns of many types with missing values, so that a column takes several steps."""
    draw = random.Random(1)
    words = ["z", "\u00e4\u20ac", "", "abc", "\U0001f600x", *(f"id{i}" for i in range(1000))]
    makers: dict[str, tuple[Any, pa.DataType]] = {
        "int8": (lambda: draw.randint(-128, 127), pa.int8()),
        "uint16": (lambda: draw.randint(0, 65535), pa.uint16()),
        "uint64": (lambda: draw.randint(0, 2**64 - 1), pa.uint64()),
        "float": (lambda: draw.choice([0.5, float("nan")]), pa.float32()),
        "double": (lambda: draw.choice([1.5, float("nan"), -0.0]), pa.float64()),
        "bool": (lambda: draw.random() < 0.5, pa.bool_()),
        "text": (lambda: draw.choice(words), pa.string()),
        "large text": (lambda: draw.choice(words), pa.large_string()),
        "decimal": (lambda: Decimal(draw.randint(-(10**9), 10**9)).scaleb(-2), pa.decimal128(12, 2)),
        "list": (lambda: [1] * draw.randint(0, 3), pa.list_(pa.int64())),
        "fixed list": (lambda: [1.5, None], pa.list_(pa.float64(), 2)),
        "struct": (
            lambda: {"a": draw.choice([None, 1]), "b": draw.choice(words)},
            pa.struct([("a", pa.int64()), ("b", pa.string())]),
        ),
    }
    columns = {
        name: pa.array([None if draw.random() < 0.1 else make() for _ in range(rows)], kind)
        for name, (make, kind) in makers.items()
    }
    codes = pa.array([None if draw.random() < 0.1 else draw.randrange(len(words)) for _ in range(rows)], pa.int16())
    texts = pa.list_(pa.dictionary(pa.int32(), pa.string()))
    return columns | {
        "dictionary": pa.DictionaryArray.from_arrays(codes, words),
        "ordered": pa.DictionaryArray.from_arrays(codes, words, ordered=True),
        "list of dictionary": pa.array([["a", "b"], None, ["b"], []] * (rows // 4)).cast(texts),
        "null": pa.nulls(rows),
    }


def under_missing() -> dict[str, pa.Array]:
    """Nested columns with data under what is missing, which does not count."""
    text, lists = pa.array(["aa", "bb", "cc"]), pa.array([[1, 2], [3], [4]])
    hidden = pa.Array.from_buffers(pa.string(), 3, [pa.py_buffer(bytes([0b101])), *text.buffers()[1:]])
    mask = pa.array([True, False, True])
    fields = [lists, text, pa.array([True] * 3), text.dictionary_encode()]
    structs = pa.StructArray.from_arrays(fields, ["l", "s", "b", "d"], mask=mask)
    return {
        "text under missing": hidden,
        "list under missing": pa.ListArray.from_arrays(lists.offsets, lists.values, mask=mask),
        "struct under missing": structs,
        "structs in a missing list": pa.ListArray.from_arrays(
            pa.array([0, 1, 3], pa.int32()), structs, mask=pa.array([True, False])
        ),
    }


def many_tables() -> dict[str, pa.Table]:
    """Every table of Python's own tests of the key, long columns as they are, cut and in chunks, and nested ones."""
    tables = {f"vector {name}": table for name, table in VECTORS.items()}
    for name, pair in {**SAME, **OTHER}.items():
        tables |= {f"{name} {number}": table for number, table in enumerate(pair)}
    del tables["views 0"]  # not written to files as they are
    for name, column in random_columns(300_000).items():
        tables[name] = pa.table({"x": column})
        tables[f"{name} cut"] = pa.table({"x": column.slice(3, 280_000)})
        parts = [column.slice(1, 100), column.slice(101, 0), column.slice(101, 270_000)]
        tables[f"{name} in chunks"] = pa.table({"x": pa.chunked_array(parts)})
    return tables | {name: pa.table({"x": column}) for name, column in under_missing().items()}


@pytest.mark.parametrize("codec", ["arrow", "nanoarrow"])
def test_r_gives_every_file_the_key_that_python_gives_it(codec, tmp_path):
    tmp_path.chmod(0o755)
    for name, one in many_tables().items():
        with pa.OSFile(str(tmp_path / name), "wb") as out, pa.ipc.new_file(out, one.schema) as writer:
            writer.write_table(one.unify_dictionaries())
    keys = {file.name: lb.content_key(file) for file in tmp_path.iterdir()}
    assert len(keys) > 100
    assert in_r(KEYS_OF_FILES, tmp_path, codec) == keys


@pytest.mark.parametrize("given", ["made()", "tibble::as_tibble(made())"])
def test_r_gives_its_own_table_the_key_of_the_same_table_of_python(given, tmp_path):
    tmp_path.chmod(0o755)
    script = f"library(landbridge)\n{IN_R}\ncat(jsonlite::toJSON(list(key = content_key({given})), auto_unbox = TRUE))"
    assert in_r(script, tmp_path) == {"key": lb.content_key(PYTHON)}
