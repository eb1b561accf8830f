"""Arrow files that are not what they seem: refused by name, before a value is made of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from landbridge.arrow_files import argument_of, check_file
from landbridge.columns import read_table
from landbridge.errors import ValueCannotCross

from tests.conformance import hostile_files as hostile

FILE = hostile.arrow_file(hostile.TABLE)
NODE = {"kind": "frame", "rows": 3, "columns": [{"name": "n"}, {"name": "s"}], "descriptor": {}}


def refusal(folder: Path, content: bytes, node: Any = None) -> ValueCannotCross:
    path = folder / "obj_0000000000000001.arrow"
    path.write_bytes(content)
    with pytest.raises(ValueCannotCross) as caught:
        read_table(path, node)
    return caught.value


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (hostile.parquet_file(hostile.TABLE), "it is a Parquet file, not an Arrow file"),
        (b"\x89PNG\r\n\x1a\n....", "it is a PNG picture, not an Arrow file"),
        (hostile.arrow_stream(hostile.TABLE), "it is an Arrow stream, not an Arrow file"),
        (b"", "it is an empty file, not an Arrow file"),
        (b"a,b\n1,2\n", "it is something else, not an Arrow file"),
        (FILE[:-64], "it is a truncated Arrow file"),
        (FILE[:-10] + b"\xff\xff\xff\x7fARROW1", "it is a damaged Arrow file"),
        (hostile.big_endian(FILE), "its numbers are big endian"),
        (hostile.unknown_codec(hostile.TABLE), "it is compressed with a codec that is not available here"),
    ],
)
def test_what_the_file_is(tmp_path, content, reason):
    error = refusal(tmp_path, content)
    assert error.message == f"`result` cannot cross: {reason}."
    assert error.hint


@pytest.mark.parametrize(("name", "column"), hostile.outside_profile().items())
def test_types_outside_the_wire_profile_are_named(tmp_path, name, column):
    error = refusal(tmp_path, hostile.arrow_file(pa.table({"inner": [1] * len(column), "x": column})))
    assert error.message == f'`result["x"]` cannot cross: the Arrow type `{name}` is not part of the wire profile.'
    assert error.detail["column"] == "x"


def test_a_type_inside_another_is_named_by_its_column(tmp_path):
    nested = pa.array([{"deep": ["a"]}], pa.struct([("deep", pa.list_(pa.string_view()))]))
    assert "`string_view`" in refusal(tmp_path, hostile.arrow_file(pa.table({"outer": nested}))).message


@pytest.mark.parametrize("name", ["arrow.uuid", "somebody.else"])
def test_extension_types_are_named(tmp_path, name):
    error = refusal(tmp_path, hostile.with_extension(name, pa.array([b"0" * 16], pa.binary(16))))
    expected = f'`result["e"]` cannot cross: the extension type `{name}` is not part of the wire profile.'
    assert error.message == expected


def test_text_that_is_no_utf8_is_refused_by_its_row(tmp_path):
    error = refusal(tmp_path, hostile.invalid_text())
    assert error.message == '`result["s"]` cannot cross: its text is not valid UTF-8 (row 3).'
    assert (error.detail["column"], error.detail["row"]) == ("s", 3)


def test_a_code_beyond_the_levels_is_refused(tmp_path):
    assert refusal(tmp_path, hostile.wild_index()).message == '`result["f"]` cannot cross: its content is damaged.'


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"rows": 4}, "its file has 3 rows where its node has 4"),
        ({"columns": [{"name": "n"}]}, "its file has 2 columns where its node has 1"),
        ({"columns": [{"name": "n"}, {"name": "t"}]}, "column 2 of its file is `s` where its node has `t`"),
        ({"descriptor": "text"}, "its descriptor is no object"),
        ({"descriptor": {"names": "n"}}, "`names` of its descriptor is of the wrong type"),
        ({"descriptor": {"names": [1, 2]}}, "`names` of its descriptor is of the wrong type"),
        ({"descriptor": {"class": ["pandas"]}}, "`class` of its descriptor is of the wrong type"),
        ({"descriptor": {"columns": [1]}}, "`columns` of its descriptor is of the wrong type"),
        ({"kind": "vector", "n": 3}, "its file has 2 columns where its node has 1"),
    ],
)
def test_a_file_must_agree_with_its_node(tmp_path, change, reason):
    assert refusal(tmp_path, FILE, NODE | change).message == f"`result` cannot cross: {reason}."


def test_a_vector_must_have_as_many_elements_as_its_node_says(tmp_path):
    content = hostile.arrow_file(pa.table({"value": [1, 2]}))
    assert "has 2 rows where its node has 6" in refusal(tmp_path, content, {"kind": "array", "shape": [2, 3]}).message


def test_a_sound_file_is_read(tmp_path):
    path = tmp_path / "obj_0000000000000001.arrow"
    for content in (FILE, hostile.arrow_file(hostile.TABLE, compression="zstd")):
        path.write_bytes(content)
        assert read_table(path, NODE).equals(hostile.TABLE)


def test_no_flip_or_cut_of_a_footer_leads_astray(tmp_path):
    path = tmp_path / "obj_0000000000000001.arrow"
    refused = 0
    for content in [*hostile.flips(FILE, 500, seed=7), *hostile.truncations(FILE)]:
        path.write_bytes(content)
        try:
            check_file(path)
        except ValueCannotCross:
            refused += 1
    assert refused > 10


def test_the_argument_is_named(tmp_path, monkeypatch):
    node = {"kind": "list", "items": [[None, {"kind": "frame", "object": "obj_0000000000000002"}]]}
    free = {"name": "rates", "value": {"object": "obj_0000000000000003"}}
    function = {"type": "source", "free": [{"name": "g", "source": {"free": [free]}}]}
    items = [[None, {"object": "obj_0000000000000001"}], ["data", node]]
    (tmp_path / "job.json").write_text(json.dumps({"values": {"items": items}, "task": {"function": function}}))
    monkeypatch.setenv("LANDBRIDGE_JOB_FOLDER", str(tmp_path))
    names = [argument_of(Path(f"in/obj_000000000000000{number}.arrow")) for number in range(1, 5)]
    assert names == ["1", "data", "rates", "result"]
