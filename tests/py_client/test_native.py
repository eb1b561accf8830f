"""What is told of objects that only Python can open, and what happens before they are loaded."""

from __future__ import annotations

import base64
import json
import random
from typing import Any

import numpy as np
import pytest
from landbridge import Native, errors
from landbridge.native_summary import facts_of, picture_of

from tests.py_client.conftest import Road

PNG = b"\x89PNG\r\n\x1a\n" + b"pixels"


class Ridge:
    """Looks like a fitted estimator, as far as anyone can tell without importing its package."""

    def __init__(self, alpha: float = 1.0, solver: Any = "auto") -> None:
        self.alpha, self.solver = alpha, solver
        self.coef_ = np.array([[1.5, -2.0, np.inf]])
        self.n_features_in_ = 3
        self.feature_names_in_ = np.array(["a", "b", "c"], dtype=object)

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        return {"solver": self.solver, "alpha": self.alpha}

    @property
    def feature_importances_(self) -> Any:
        raise AttributeError("a linear model has none")


class Drawing:
    def __init__(self, drawn: Any) -> None:
        self.drawn = drawn

    def _repr_png_(self) -> Any:
        random.random()
        np.random.random()
        if isinstance(self.drawn, Exception):
            raise self.drawn
        return self.drawn


class Hostile:
    def __repr__(self) -> str:
        raise RuntimeError("no text")

    def __len__(self) -> int:
        raise RuntimeError("no length")

    def get_params(self, deep: bool = True) -> Any:
        raise RuntimeError("no parameters")

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise RuntimeError("no attribute")


def test_an_estimator_tells_its_parameters_and_shapes(road: Road) -> None:
    facts = road.node(Ridge(alpha=0.5))["summary"]["facts"]
    assert (facts["type"], facts["module"]) == ("Ridge", __name__)
    assert facts["params"] == {"alpha": 0.5, "solver": "auto"}
    assert facts["n_features_in_"] == 3
    assert facts["feature_names_in_"] == ["a", "b", "c"]
    assert (facts["coef_.shape"], facts["coef_"]) == ([1, 3], [1.5, -2.0, "inf"])
    assert "feature_importances_" not in facts
    assert road.decode(road.node(Ridge()), trust=False).facts["params"]["alpha"] == 1.0


def test_other_objects_tell_type_and_sizes(road: Road) -> None:
    node = road.node({1: 2, 3: 4})
    size = road.source.path(node["object"]).stat().st_size
    assert node["summary"]["facts"] == {"type": "dict", "module": "builtins", "pickle_bytes": size, "length": 2}


def test_facts_stay_small() -> None:
    large = Ridge(solver="x" * 10_000)
    large.get_params = None  # type: ignore[method-assign, assignment]
    many = type("Many", (), {"get_params": lambda self, deep: {f"p{i:03}": "y" * 300 for i in range(100)}})()
    wide = Ridge(solver="ü" * 10_000)
    wide.coef_ = np.zeros((1000, 1000))
    for x in (large, many, wide):
        facts = facts_of(x, 1)
        assert len(json.dumps(facts).encode()) <= 4000
        assert len(facts) <= 30
        assert facts["pickle_bytes"] == 1
    assert facts_of(wide, 1)["coef_.shape"] == [1000, 1000]
    assert "coef_" not in facts_of(wide, 1)
    assert len(facts_of(wide, 1)["params"]["solver"]) == 200


@pytest.mark.parametrize(
    "drawn", [PNG, base64.b64encode(PNG).decode(), (PNG, {"width": 3})], ids=["bytes", "text", "pair"]
)
def test_a_class_that_draws_gives_a_picture(road: Road, drawn: Any) -> None:
    node = road.node(Drawing(drawn))
    picture = node["summary"]["picture"]
    assert picture.endswith(".png")
    assert road.source.path(picture).read_bytes() == PNG


@pytest.mark.parametrize(
    "drawn",
    [ValueError("cannot draw"), None, b"<svg/>", PNG + bytes(1024**2), "not base64!", 7],
    ids=["error", "nothing", "svg", "large", "text", "number"],
)
def test_without_a_good_picture_there_is_none(road: Road, drawn: Any) -> None:
    node = road.node(Drawing(drawn))
    assert "picture" not in node["summary"]
    assert node["summary"]["facts"]["type"] == "Drawing"


def test_a_summary_never_fails_and_never_changes_the_random_streams(road: Road) -> None:
    random.seed(1)
    np.random.seed(1)
    expected = random.random(), np.random.random()
    random.seed(1)
    np.random.seed(1)
    road.node(Drawing(PNG))
    node = road.node(Hostile())
    assert (random.random(), np.random.random()) == expected
    assert "whose repr raised RuntimeError" in node["summary"]["text"]
    assert set(node["summary"]["facts"]) == {"type", "module", "pickle_bytes"}


def test_a_class_itself_draws_nothing() -> None:
    assert picture_of(Drawing) is None


def test_a_figure_is_drawn_in_memory_and_keeps_its_canvas() -> None:
    pytest.importorskip("matplotlib")
    from matplotlib.figure import Figure

    figure = Figure(figsize=(20, 5))
    figure.add_subplot().plot([1, 2, 3])
    canvas, dpi = figure.canvas, figure.dpi
    data = picture_of(figure)
    assert data is not None
    assert (int.from_bytes(data[16:20]), int.from_bytes(data[20:24])) == (800, 200)
    assert (figure.canvas, figure.dpi) == (canvas, dpi)


def test_a_pickle_that_does_not_say_how_it_was_made_counts_as_code(road: Road) -> None:
    node = road.node({1: 2})
    assert road.decode(node | {"producer": node["producer"] | {"version": "2.7.18"}}) == {1: 2}
    del node["producer"]["by_value"]
    assert road.decode(node) == {1: 2}
    other = node | {"producer": {"language": "python", "version": "2.7.18"}}
    with pytest.raises(errors.CodecMissing, match=r"holds code of Python 2\.7\.18"):
        road.decode(other)
    assert isinstance(road.decode(other, trust=False), Native)
