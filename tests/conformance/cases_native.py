"""Objects that only their own language can open: facts, pictures, and handles on their way through jobs."""

from __future__ import annotations

import json
import pickle

from tests.conformance.cases_values import OBJECT
from tests.conformance.harness import Case, Node, Outcome

PICTURE = "obj_00000000000000p1"
PNG = b"\x89PNG\r\n\x1a\n"
FITTED = {
    "python": (
        "class Ridge:\n"
        "    def __init__(self, alpha):\n        self.alpha = alpha\n        self.n_features_in_ = 2\n\n"
        "    def get_params(self, deep=True):\n        return {'alpha': self.alpha}\n\n\n"
        "def f():\n    return Ridge(0.5)\n"
    ),
    "r": "f <- function() stats::lm(dist ~ speed, datasets::cars)\n",
}
DRAWN = {
    "python": (
        "import random\n\n\nclass Drawing:\n    def _repr_png_(self):\n        random.random()\n"
        "        return b'\\x89PNG\\r\\n\\x1a\\n' + b'pixels'\n\n\n"
        "def f():\n    return Drawing()\n"
    ),
    "r": (
        "f <- function() {\n  grDevices::pdf(NULL)\n  grDevices::dev.control('enable')\n  graphics::plot(1:10)\n"
        "  grDevices::recordPlot()\n}\n"
    ),
}
BROKEN = {
    "python": (
        "class Hostile:\n    def __repr__(self):\n        raise RuntimeError('no text')\n\n"
        "    def _repr_png_(self):\n        raise RuntimeError('no picture')\n\n"
        "    def get_params(self, deep):\n        raise RuntimeError('no parameters')\n\n\n"
        "def f():\n    return Hostile()\n"
    ),
    "r": "f <- function() structure(list(), class = c('trellis', 'lm'))\n",
}


def _facts(outcome: Outcome) -> None:
    node = outcome.result
    facts = node["summary"]["facts"]
    assert len(json.dumps(facts)) <= 4096
    if outcome.language == "python":
        assert facts["params"] == {"alpha": 0.5}
        assert facts["n_features_in_"] == 2
        assert facts["pickle_bytes"] == outcome.file(node["object"]).stat().st_size
    else:
        assert (facts["formula"], facts["n"]) == ("dist ~ speed", 50)
        assert abs(facts["coefficients"]["speed"] - 3.932409) < 1e-6
        assert 0.65 < facts["r.squared"] < 0.66
    assert "picture" not in node["summary"]


def _picture(outcome: Outcome) -> None:
    data = outcome.file(outcome.result["summary"]["picture"]).read_bytes()
    assert data.startswith(PNG)
    if outcome.language == "r":
        assert (int.from_bytes(data[16:20]), int.from_bytes(data[20:24])) == (800, 500)


def _less_summary(outcome: Outcome) -> None:
    assert outcome.code == 0, outcome.error_or_none()
    summary = outcome.result["summary"]
    assert summary["text"]
    assert summary["facts"]
    assert "picture" not in summary


def _handle(language: str) -> Node:
    return {
        "kind": "native",
        "object": OBJECT,
        "language": language,
        "codec": {"r": "rds", "python": "pickle"}[language],
        "class": ["model"],
        "producer": {"language": language, "version": "1.0", "by_value": False},
        "packages": [],
        "summary": {"text": "a model", "facts": {"n": 50}, "picture": PICTURE},
    }


def _passed_on(outcome: Outcome) -> None:
    other = {"r": "python", "python": "r"}[outcome.language]
    assert outcome.result == _handle(other)


def _opened(outcome: Outcome) -> None:
    assert outcome.code == 0, outcome.error_or_none()
    assert outcome.result["value"] == 2


def _passed(language: str, suffix: str) -> Case:
    here = {"r": "python", "python": "r"}[language]
    source = {"python": "def f(x):\n    assert x.facts == {'n': 50}\n    return x\n", "r": "f <- function(x) x\n"}
    objects = {f"{OBJECT}.{suffix}": b"never opened", f"{PICTURE}.png": PNG}
    return Case(
        f"a handle of {language} goes through {here} with its picture",
        source,
        _passed_on,
        [(None, _handle(language))],
        objects,
        only=here,
    )


CASES = [
    Case("an object of the language tells facts", FITTED, _facts),
    Case("an object that can be drawn has a picture", DRAWN, _picture),
    Case("an object that cannot be told of is a result all the same", BROKEN, _less_summary),
    _passed("r", "rds"),
    _passed("python", "pkl"),
    Case(
        "a pickle is opened in a later job",
        {"python": "def f(x):\n    return x[1]\n"},
        _opened,
        [(None, _handle("python"))],
        {f"{OBJECT}.pkl": pickle.dumps({1: 2}, 4), f"{PICTURE}.png": PNG},
        only="python",
    ),
]
