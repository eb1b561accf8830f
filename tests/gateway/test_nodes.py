from pathlib import Path

import pytest
from landbridge_gateway.nodes import (
    NoSuchPart,
    frames_of,
    jobs_in,
    natives_of,
    nodes_of,
    objects_in,
    part_of,
    resolved,
    rewritten,
)
from landbridge_gateway.schemas import Schemas

ONE = {"kind": "scalar", "type": "int", "value": 1}
FRAME = {"kind": "frame", "object": "obj_0000000000000001", "rows": 0, "columns": [], "descriptor": {}}
JOB = {"kind": "job", "job": "job_0000000000000001"}


def listed(*items):
    return {"kind": "list", "shape": "list", "items": [list(item) for item in items]}


def test_nodes_are_found_in_arguments_and_in_what_the_function_captured():
    inner = {"type": "source", "name": "g", "text": "", "free": [{"name": "table", "value": FRAME}]}
    function = {"type": "source", "name": "f", "text": "", "free": [{"name": "g", "source": inner}]}
    nodes = list(nodes_of({"function": function}, {"items": [[None, listed(("a", JOB), (None, ONE))]]}))
    assert jobs_in(nodes) == {"job_0000000000000001"}
    assert objects_in(nodes) == {"obj_0000000000000001"}


def test_a_job_is_replaced_by_its_result_wherever_it_stands():
    function = {"type": "source", "name": "f", "text": "", "free": [{"name": "x", "value": JOB}]}
    task, values = resolved(
        {"language": "r", "function": function}, {"items": [["deep", listed((None, JOB))]]}, {JOB["job"]: FRAME}
    )
    assert values["items"] == [["deep", listed((None, FRAME))]]
    assert task["function"]["free"] == [{"name": "x", "value": FRAME}]


def with_side(frame, side, *path):
    descriptor = {"library": {"r": {"side": side}}}
    return frame | {"descriptor": {"hint": descriptor} if path else descriptor}


SIDE = {"kind": "native", "object": "obj_0000000000000002", "language": "r", "codec": "rds"}


@pytest.mark.parametrize("path", [(), ("hint",)])
def test_what_r_keeps_beside_a_frame_is_an_object_like_others(path):
    frame = with_side(FRAME, SIDE, *path)
    values = {"items": [[None, listed(("a", frame))]]}
    task = {"function": {"type": "reference", "package": "base", "name": "identity"}}
    assert objects_in(nodes_of(task, values)) == {"obj_0000000000000001", "obj_0000000000000002"}
    (where, found), *others = natives_of(task, values)
    assert (found, others) == (SIDE, [])
    assert where.startswith("values.items[0][1].items[0][1].descriptor.")
    moved = rewritten(frame, lambda node: node | {"object": "obj_0000000000000009"})
    assert moved["object"] == "obj_0000000000000009"
    assert moved == with_side(FRAME, SIDE | {"object": "obj_0000000000000009"}, *path) | {"object": moved["object"]}


@pytest.mark.parametrize("side", [7, "obj_1", {"kind": "list"}, {"kind": "native", "object": "obj_0000000000000002"}])
def test_what_stands_beside_a_frame_must_be_an_object_of_r(side):
    schemas = Schemas(Path(__file__).resolve().parents[2] / "containers" / "schema")
    assert schemas.problem("value", with_side(FRAME, SIDE)) is None
    assert schemas.problem("value", with_side(FRAME, side)) is not None
    assert schemas.problem("value", with_side(FRAME, side, "hint")) is not None


def test_frames_are_found_with_their_paths():
    node = listed(("left", FRAME), (None, listed((None, ONE), (None, FRAME))))
    assert [path for path, _ in frames_of("result", node)] == ["result.left", "result.2.2"]


def test_a_part_is_found_by_keys_and_positions():
    node = listed(("coef", listed((None, ONE), (None, FRAME))))
    assert part_of(node, ["coef", 1], "job_x") == FRAME
    assert part_of(node, [0, 0], "job_x") == ONE


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        (["coeff"], "The result of job_x has no part `coeff`; it has `coef`."),
        (["coef", "a"], "The result of job_x has no part `a`: it is of kind scalar there."),
        ([3], "The result of job_x has no part `3`; it has `coef`."),
    ],
)
def test_a_part_that_is_not_there_says_what_is(path, sentence):
    with pytest.raises(NoSuchPart, match="^" + sentence.replace("`", ".") + "$"):
        part_of(listed(("coef", ONE)), path, "job_x")
