"""The public names, the tree of errors, and what happens outside a job."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import landbridge as lb
import pytest
from landbridge import errors

from tests.py_client.conftest import ROOT

PUBLIC = [
    *[
        "Job",
        "LossWarning",
        "Missing",
        "NamedList",
        "Native",
        "RemoteWarning",
        "Session",
        "Sweep",
        "Task",
        "__version__",
        "as_completed",
        "as_file",
    ],
    *[
        "bridge",
        "connect",
        "content_key",
        "context",
        "each",
        "errors",
        "common",
        "get",
        "combinations",
        "jobs",
        "log_metric",
        "log_param",
        "log_plot",
        "map",
        "progress",
        "python",
    ],
    *["r", "save_file", "save_value", "secret", "session", "set_tag", "submit", "task", "wait"],
]


def test_the_public_names_are_these_and_sorted() -> None:
    assert lb.__all__ == sorted(lb.__all__)
    assert sorted(lb.__all__) == sorted(PUBLIC)
    for name in lb.__all__:
        assert getattr(lb, name) is not None
    with pytest.raises(AttributeError, match="has no attribute 'submitt'"):
        lb.submitt  # noqa: B018


def test_every_code_of_the_contract_has_its_class() -> None:
    codes = [
        *["unauthorized", "forbidden", "not_found", "method_not_allowed", "conflict", "too_large"],
        *["unsupported_media_type", "invalid_request", "invalid_field", "unknown_runtime", "code_does_not_parse"],
        *["digest_mismatch", "unknown_job", "unknown_object", "overloaded", "gateway_unreachable", "protocol_mismatch"],
        *["bad_answer", "unknown_option", "unknown_argument", "function_not_captured", "value_cannot_cross"],
        *["job_failed", "job_cancelled", "job_lost", "wait_timeout", "needs_trust", "codec_missing"],
    ]
    for code in codes:
        kind = getattr(errors, "".join(part.title() for part in code.split("_")))
        assert kind.code == code
        assert issubclass(kind, errors.LandbridgeError)
        assert kind.__name__ in str(errors.__doc__)
    assert errors.by_code("unknown_job") is errors.UnknownJob
    assert errors.by_code("something_new") is errors.GatewayError


def test_sentences_are_the_contracts() -> None:
    assert str(errors.GatewayUnreachable("http://h")) == (
        "No gateway answers at http://h.\nStart one with `landbridge serve`, or set LANDBRIDGE_URL."
    )
    assert str(errors.NeedsTrust("Python", "Model")) == (
        "The result is a Python object of class Model; it is loaded only when trusted.\n"
        "Call job.result(trust=True) if you trust the job's code."
    )
    assert errors.ValueCannotCross('x["a"][1]', "it is a lock").message == '`x["a"][1]` cannot cross: it is a lock.'
    assert issubclass(errors.WaitTimeout, TimeoutError)


def test_outside_a_job_the_record_is_told_once_to_be_off() -> None:
    code = "import landbridge as lb\nlb.log_metric('a', 1)\nlb.save_value('v', 1)\nlb.save_file('none')\n"
    code += "lb.log_plot('p', 1)\nprint(lb.context())\n"
    child = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        env={"PYTHONPATH": str(ROOT / "py-client" / "src")},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert child.stdout == "None\n"
    assert child.stderr == "landbridge: not inside a job, so nothing is recorded.\n"


def test_the_client_never_knows_the_gateway() -> None:
    for path in (ROOT / "py-client" / "src").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not any(name.startswith("landbridge_gateway") for name in names), path


def test_files_and_functions_stay_short() -> None:
    for path in (ROOT / "py-client" / "src").rglob("*.py"):
        text = Path(path).read_text()
        assert text.count("\n") < 500, path
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                assert (node.end_lineno or 0) - node.lineno < 60, f"{path}: {node.name}"
