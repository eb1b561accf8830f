"""Files that are not what their node says: refused by name before user code runs, in both languages' same words."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pyarrow as pa

from tests.conformance import hostile_files as hostile
from tests.conformance.cases_values import OBJECT, frame, scalar, vector
from tests.conformance.harness import Case, Node, Outcome

RUNS = {
    "python": "def f(x):\n    print('it ran')\n    return x\n",
    "r": "f <- function(x) {\n  cat('it ran\\n')\n  x\n}\n",
}
FILE = hostile.arrow_file(hostile.TABLE)
FLIPS, SEED = 300, 20130101


def refused(name: str, content: bytes, reason: str, node: Node | None = None, column: str | None = None) -> Case:
    """The argument `x` is refused in these words."""
    path = "x" if column is None else f'x["{column}"]'

    def check(outcome: Outcome) -> None:
        assert (outcome.code, outcome.has_result) == (0, False)
        assert "it ran" not in outcome.log("stdout")
        error = outcome.error
        sentence, _, hint = error["message"].partition("\n")
        assert sentence == f"`{path}` cannot cross: {reason}."
        assert hint or error["hint"]
        assert "landbridge_value_cannot_cross" in error["classes"] or error["type"].endswith("ValueCannotCross")

    return Case(name, RUNS, check, [("x", node or frame(hostile.TABLE))], {f"{OBJECT}.arrow": content})


def _outside(name: str, column: pa.Array) -> Case:
    content = hostile.arrow_file(pa.table({"a": column}))
    reason = f"the Arrow type `{name}` is not part of the wire profile"
    return refused(f"frame with a column of {name}", content, reason, column="a")


def _extension(name: str) -> Case:
    content = hostile.with_extension(name, pa.array([b"0" * 16], pa.binary(16)))
    reason = f"the extension type `{name}` is not part of the wire profile"
    return refused(f"frame with the extension type {name}", content, reason, column="e")


FILES = [
    refused(f"frame whose file is {what}", content, f"it is {what}, not an Arrow file")
    for what, content in [
        ("a Parquet file", hostile.parquet_file(hostile.TABLE)),
        ("a PNG picture", b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"),
        ("an Arrow stream", hostile.arrow_stream(hostile.TABLE)),
        ("an empty file", b""),
        ("something else", b"n,s\n1,a\n"),
    ]
]
DAMAGED = [
    refused("frame whose file is cut", FILE[: len(FILE) // 2], "it is a truncated Arrow file"),
    refused("frame whose file has a wild footer", FILE[:-10] + b"\xff\xff\xff\x7fARROW1", "it is a damaged Arrow file"),
    refused(
        "frame compressed with an unknown codec",
        hostile.unknown_codec(hostile.TABLE),
        "it is compressed with a codec that is not available here",
    ),
    refused("frame whose file is big endian", hostile.big_endian(FILE), "its numbers are big endian"),
    refused(
        "frame with text that is no UTF-8", hostile.invalid_text(), "its text is not valid UTF-8 (row 3)", column="s"
    ),
    refused("frame with a code beyond its levels", hostile.wild_index(), "its content is damaged", column="f"),
]
OUTSIDE = [
    *(_outside(name, column) for name, column in hostile.outside_profile().items()),
    *(_extension(name) for name in ("arrow.uuid", "somebody.else")),
]


def _disagreeing(name: str, reason: str, **change: Any) -> Case:
    return refused(f"frame whose {name}", FILE, reason, frame(hostile.TABLE) | change)


DISAGREEING = [
    _disagreeing("node has other rows", "its file has 3 rows where its node has 4", rows=4),
    _disagreeing("node has fewer columns", "its file has 2 columns where its node has 1", columns=[{"name": "n"}]),
    _disagreeing(
        "node has other names",
        "column 2 of its file is `s` where its node has `t`",
        columns=[{"name": "n"}, {"name": "t"}],
    ),
    _disagreeing("tags are a list", "`columns` of its descriptor is of the wrong type", descriptor={"columns": [1]}),
    _disagreeing("names are no list", "`names` of its descriptor is of the wrong type", descriptor={"names": "n"}),
    _disagreeing("class is a list", "`class` of its descriptor is of the wrong type", descriptor={"class": [1]}),
]


def _arrives(outcome: Outcome) -> None:
    assert outcome.code == 0, outcome.log("stderr")
    assert "it ran" in outcome.log("stdout")
    assert outcome.table(outcome.result).to_pydict() == hostile.TABLE.to_pydict()
    assert set(outcome.table(outcome.result).schema.metadata) <= {b"landbridge"}
    assert not (outcome.folder / "out" / "evil").exists()


def harmless(name: str, metadata: dict[str, str], kind: str = "data.frame", **options: str) -> Case:
    table = hostile.TABLE.replace_schema_metadata(metadata)
    content = hostile.arrow_file(table, **options)
    return Case(name, RUNS, _arrives, [("x", frame(hostile.TABLE, kind))], {f"{OBJECT}.arrow": content})


HARMLESS = [
    harmless("frame with R metadata that would run", {"r": hostile.R_KEY}),
    harmless("frame with R metadata that is nonsense", {"r": "A\n3\n"}),
    harmless("frame with nonsense of pandas", {"pandas": "{broken"}, "pandas"),
    harmless("frame with pandas metadata of the wrong types", {"pandas": json.dumps({"columns": 5})}, "pandas"),
    harmless("frame whose own metadata is broken", {"landbridge": "{broken", "other": "\x01"}),
    harmless("frame that is compressed", {}, compression="zstd"),
]

WIDE = hostile.TABLE.append_column("f", pa.array(["u", "v", "u"]).dictionary_encode()).append_column(
    "t", pa.array([1357032600123456, None, 0], pa.duration("us"))
)
_LISTS = WIDE.append_column("l", pa.array([[1.5, 2], [], None]))
_WHOLE = hostile.arrow_file(_LISTS)
_FLIPPED = list(hostile.flips(_WHOLE, FLIPS, SEED))
_CUT = list(hostile.truncations(_WHOLE))
_PYTHON_LOOP = """
import os, struct
from pathlib import Path
from landbridge.errors import LandbridgeError
from landbridge.values import decode


class Here:
    wanted = None

    def path(self, reference):
        return Path(reference)


def outcome(node, content, position, expected):
    path = Path(f'{position}.arrow')
    path.write_bytes(content)
    try:
        value = decode(node | {'object': str(path)}, Here(), trust=True)
        return 'same' if repr(value.to_dict('list')) == expected else 'differs'
    except LandbridgeError:
        return 'refused'
    except Exception as error:
        return f'{type(error).__name__}: {error}'


def f(pack, x):
    data, at, found = Path(pack).read_bytes(), 0, []
    expected = repr(x.to_dict('list'))
    import json
    node = json.loads((Path(os.environ['LANDBRIDGE_JOB_FOLDER']) / 'job.json').read_text())['values']['items'][1][1]
    while at < len(data):
        size = struct.unpack_from('<I', data, at)[0]
        found.append(outcome(node, data[at + 4:at + 4 + size], len(found), expected))
        at += 4 + size
    return found
"""
_R_LOOP = """
f <- function(pack, x) {
  data <- file(pack, "rb")
  on.exit(close(data))
  job <- file.path(Sys.getenv("LANDBRIDGE_JOB_FOLDER"), "job.json")
  node <- landbridge:::parse_protocol_json(paste(readLines(job), collapse = ""))$values$items[[2]][[2]]
  found <- character()
  repeat {
    size <- readBin(data, "integer", 1L, endian = "little")
    if (length(size) == 0) return(found)
    path <- paste0(length(found), ".arrow")
    writeBin(readBin(data, "raw", size), path)
    node$object <- path
    source <- list(path = identity, arrow = landbridge:::arrow_codec())
    found <- c(found, tryCatch(
      if (identical(landbridge:::decode_value(node, source, TRUE), x)) "same" else "differs",
      landbridge_error = function(error) "refused", error = conditionMessage
    ))
  }
}
"""


def _never_in_silence(outcome: Outcome) -> None:
    """Each file was refused or is the same; only what Arrow itself cannot know differs.

    A flipped bit among the values of a batch, or in the offsets that say where these stand, makes other values: no
    reader can know it without a checksum. An upload whose `Landbridge-Digest` disagrees is refused by the gateway.
    """
    assert outcome.code == 0, outcome.log("stderr")
    found = outcome.result["values"]
    assert len(found) == FLIPS + len(_CUT)
    assert set(found) <= {"same", "refused", "differs"}, Counter(found)
    assert set(found[FLIPS:]) == {"refused"}
    differing = [flipped for flipped, what in zip(_FLIPPED, found, strict=False) if what == "differs"]
    places = [next(at for at, byte in enumerate(_WHOLE) if byte != flipped[at]) for flipped in differing]
    blocks = hostile.blocks(_WHOLE)
    elsewhere = [at for at in places if not any(at in block for block in blocks)]
    assert elsewhere == []


FLIPPED = [
    Case(
        "flipped bits and cuts are refused or harmless",
        {"python": _PYTHON_LOOP, "r": _R_LOOP},
        _never_in_silence,
        [
            (None, {"kind": "file", "object": "obj_0000000000000002", "name": "pack.bin", "media_type": "x/y"}),
            (None, frame(_LISTS)),
        ],
        {"obj_0000000000000002.bin": hostile.packed([*_FLIPPED, *_CUT]), f"{OBJECT}.arrow": _WHOLE},
    )
]


def _not_for_r(name: str, sentence: str, node: Node, table: pa.Table | None = None) -> Case:
    """A value that another sender let go, and that R has no value for: it is refused, and never NA or cut off."""

    def check(outcome: Outcome) -> None:
        assert (outcome.code, outcome.has_result) == (0, False)
        assert "it ran" not in outcome.log("stdout")
        assert outcome.error["message"].partition("\n")[0] == sentence
        assert "landbridge_value_cannot_cross" in outcome.error["classes"]

    objects = {} if table is None else {f"{OBJECT}.arrow": table}
    return Case(name, RUNS, check, [("x", node)], objects, only="r")


def _long(kind: str, column: pa.Array) -> tuple[Node, pa.Table]:
    return {"kind": "vector", "type": kind, "n": len(column), "object": OBJECT}, pa.table({"value": column})


NOT_FOR_R = [
    _not_for_r("text with NUL", "`values` cannot cross: its text has a NUL character.", scalar("str", "a\0b")),
    _not_for_r(
        "an integer beyond 64 bits",
        "`value` cannot cross: an integer beyond 64 bits has no number in R.",
        scalar("int", str(2**80)),
    ),
    _not_for_r(
        "integers with the missing one of R",
        "`value` cannot cross: an integer beyond 64 bits has no number in R (element 2).",
        vector("int", [1, str(-(2**63))]),
    ),
    _not_for_r(
        "an object of integers with the missing one of R",
        "`x` cannot cross: -2147483648 is R's missing value (row 2).",
        *_long("int", pa.array([1, -(2**31)], pa.int32())),
    ),
    _not_for_r(
        "an object of text with NUL",
        "`x` cannot cross: its text has a NUL character (row 2).",
        *_long("str", pa.array(["a", "b\0"])),
    ),
]

CASES = [*FILES, *DAMAGED, *OUTSIDE, *DISAGREEING, *HARMLESS, *FLIPPED, *NOT_FOR_R]
