"""Arrays of Python objects look like data: what has a plain type goes as that, and nothing else is pickled unasked."""

from __future__ import annotations

import collections
import datetime as dt
import os
import pickle

import landbridge as lb
import numpy as np
import pandas as pd
import pytest
from landbridge.errors import JobFailed, ValueCannotCross
from landbridge.objects import FolderSink, FolderSource
from landbridge.values import decode, encode

from tests.serving import Serving

pytestmark = pytest.mark.row("DE3")

WAY_OUT = 'Give it a type, as by x.astype(str) or x.astype("float64"), or send a list: x.tolist().'


class Trap:
    """Runs code where it is unpickled, and says so where it is pickled."""

    def __reduce__(self):
        os.environ["LANDBRIDGE_TRAPPED"] = "yes"
        return (os.system, ("true",))


class Measured(np.ndarray):
    pass


@pytest.fixture(autouse=True)
def nothing_is_pickled(monkeypatch):
    monkeypatch.delenv("LANDBRIDGE_TRAPPED", raising=False)
    monkeypatch.setattr(pickle, "dumps", None)
    yield
    assert "LANDBRIDGE_TRAPPED" not in os.environ


def array(values, shape=None):
    made = np.empty(len(values), dtype=object)
    made[:] = values
    return made if shape is None else made.reshape(shape)


TRAP = f"{__name__}.Trap"
NO_TYPE = "for which arrays have no exact type"
REFUSED = {
    "of one object": (array([Trap()]), f"it is an array of objects of the type {TRAP} (at [0]), {NO_TYPE}"),
    "of mixed values": (
        array(["a", "b", 1]),
        "it is an array of objects that mixes str (at [0]) and int (at [2])",
    ),
    "of numbers of two types": (
        array([1, 2.5]),
        "it is an array of objects that mixes int (at [0]) and float (at [1])",
    ),
    "of text and an object": (
        array(["a"] * 5000 + [Trap()]),
        f"it is an array of objects that mixes str (at [0]) and {TRAP} (at [5000])",
    ),
    "without dimensions": (array([Trap()], ()), f"it is an array of objects of the type {TRAP} (at []), {NO_TYPE}"),
    "of two dimensions": (
        array(["a", "b", "c", Trap()], (2, 2)),
        f"it is an array of objects that mixes str (at [0, 0]) and {TRAP} (at [1, 1])",
    ),
    "of two dimensions by column": (
        np.asfortranarray(array(["a", "b", Trap(), "c"], (2, 2))),
        f"it is an array of objects that mixes str (at [0, 0]) and {TRAP} (at [1, 0])",
    ),
    "of arrays": (
        array([np.arange(2), np.arange(3)]),
        f"it is an array of objects of the type numpy.ndarray (at [0]), {NO_TYPE}",
    ),
    "of numpy's numbers": (
        array([np.float64(1)]),
        f"it is an array of objects of the type numpy.float64 (at [0]), {NO_TYPE}",
    ),
    "of lists": (array([[1], [2, 3]]), f"it is an array of objects of the type list (at [0]), {NO_TYPE}"),
    "of functions": (
        array([len]),
        f"it is an array of objects of the type builtin_function_or_method (at [0]), {NO_TYPE}",
    ),
    "of datetimes with a zone": (
        array([dt.datetime(2024, 1, 1, tzinfo=dt.UTC)]),
        f"it is an array of objects of datetimes with a time zone (at [0]), {NO_TYPE}",
    ),
    "of nothing": (array([None, None]), "it is an array of objects, all of which are missing"),
    "masked": (
        np.ma.MaskedArray(array(["a", 1, Trap()]), [False, False, True]),
        "it is an array of objects that mixes str (at [0]) and int (at [1])",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.parametrize(
    ("nest", "path"),
    [
        (lambda x: x, "value"),
        (lambda x: [1, x], "value[1]"),
        (lambda x: {"a": {"b": x}}, 'value["a"]["b"]'),
        (lambda x: (x,), "value[0]"),
    ],
    ids=["itself", "in a list", "in dicts", "in a tuple"],
)
def test_what_has_no_type_is_refused_and_named(tmp_path, name, nest, path):
    value, reason = REFUSED[name]
    with pytest.raises(ValueCannotCross) as refused:
        encode(nest(value), FolderSink(tmp_path))
    assert refused.value.message == f"`{path}` cannot cross: {reason}."
    assert refused.value.hint == WAY_OUT
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "value",
    [
        np.zeros(2, dtype=[("a", object), ("b", "i4")]),
        np.rec.array([(Trap(), 1)], dtype=[("a", object), ("b", "i4")]),
        array([Trap()]).view(Measured),
    ],
    ids=["fields", "record array", "class of its own"],
)
def test_other_arrays_that_hold_objects_are_refused(tmp_path, value):
    with pytest.raises(ValueCannotCross, match="has no exact type") as refused:
        encode({"a": value}, FolderSink(tmp_path))
    assert refused.value.detail["path"] == 'value["a"]'
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ({1: array([Trap()])}, "value[1]"),
        ([{2: [{"a": array(["a", Trap()])}]}], "value[0][2][0]['a']"),
        (collections.OrderedDict(a=array([Trap()])), "value['a']"),
    ],
    ids=["dict", "nested", "ordered dict"],
)
def test_a_container_that_is_pickled_as_it_is_takes_none_along(tmp_path, value, path):
    with pytest.raises(ValueCannotCross) as refused:
        encode(value, FolderSink(tmp_path))
    assert refused.value.detail["path"] == path
    assert list(tmp_path.iterdir()) == []


def test_a_container_of_arrays_that_have_a_type_is_pickled_as_before(tmp_path, monkeypatch):
    monkeypatch.undo()
    value = {1: array(["a", None]), 2: np.arange(3)}
    value[3] = [value]
    assert encode(value, FolderSink(tmp_path))["codec"] == "pickle"


@pytest.mark.parametrize("n", [1, 2000])
@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["a", "bé"], "str"),
        (["a", None], "str"),
        ([1, 2**62], "int"),
        ([1, 2**70], "int"),
        ([1.5, float("inf"), None], "float"),
        ([True, False], "bool"),
        ([b"a", b"\0"], "bytes"),
        ([dt.date(2024, 1, 1), None], "date"),
    ],
)
def test_what_has_one_type_goes_as_that(tmp_path, values, kind, n):
    value = array(values * n)
    for shape in ((len(value),), (1, len(value))):
        node = encode(value.reshape(shape), FolderSink(tmp_path))
        assert (node["kind"], node["type"]) == ("vector" if len(shape) == 1 else "array", kind)
        back = decode(node, FolderSource(tmp_path, fresh=tmp_path))
        assert (back.dtype, back.shape) == (np.dtype(object), shape)
        assert list(map(type, back.ravel())) == list(map(type, value))
        np.testing.assert_array_equal(back.ravel(), value)


def test_one_without_dimensions_too(tmp_path):
    back = decode(encode(array(["a"], ()), FolderSink(tmp_path)), FolderSource(tmp_path, fresh=tmp_path))
    assert (back.shape, back.item()) == ((), "a")


def test_what_is_masked_is_not_looked_at_and_not_sent(tmp_path):
    value = np.ma.MaskedArray(array(["a", Trap(), "b"] * 1000), [False, True, False] * 1000)
    back = decode(encode(value, FolderSink(tmp_path)), FolderSource(tmp_path, fresh=tmp_path))
    assert back.compressed().tolist() == ["a", "b"] * 1000


COLUMNS = {
    "objects": [Trap(), Trap()],
    "text and an object": ["a", Trap()],
    "arrays of objects": [array([Trap()]), array([Trap()])],
    "arrays of mixed values": [array(["a", 1]), array([1])],
    "lists of objects": [[Trap()], []],
    "dicts of objects": [{"x": Trap()}, {}],
}


@pytest.mark.parametrize("name", COLUMNS)
def test_columns_of_a_frame_are_refused_by_their_name(tmp_path, name):
    frame = pd.DataFrame({"ok": [1, 2], "bad": pd.Series(COLUMNS[name], dtype=object)})
    with pytest.raises(ValueCannotCross) as refused:
        encode({"t": frame}, FolderSink(tmp_path))
    assert refused.value.message.startswith('`value["t"]["bad"]` cannot cross: ')
    assert refused.value.detail["column"] == "bad"
    assert refused.value.hint
    assert list(tmp_path.iterdir()) == []


def makes_objects(mixed):
    import numpy

    return {"ok": 1, "found": numpy.array([1, "a"] if mixed else ["a", "b"], dtype=object)}


def test_at_submit_the_argument_is_named_and_as_a_result_the_result(tmp_path, monkeypatch):
    monkeypatch.undo()
    with Serving(tmp_path / "home", "process") as serving:
        lb.connect(serving.url, serving.token)
        with pytest.raises(ValueCannotCross, match=r"`x\[\"a\"\]` cannot cross: it is an array of objects that mixes"):
            lb.submit(takes_x, x={"a": array([1, "a"])})
        assert serving.call("/jobs")["jobs"] == []
        assert lb.submit(makes_objects, False).result(timeout=60)["found"].tolist() == ["a", "b"]
        with pytest.raises(JobFailed, match=r'`result\["found"\]` cannot cross: it is an array of objects that mixes'):
            lb.submit(makes_objects, True).result(timeout=60)
        lb.client.current().close()


def takes_x(x):
    return None
