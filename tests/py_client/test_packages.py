"""Packages of a task: names, files, what the code imports, an image; and what a client shows while one is built.

The cases that R has to pass as well are in r-client/tests/testthat/fixtures/packages.json.
"""

from __future__ import annotations

import json
import sys
import textwrap
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import landbridge as lb
import pytest
from landbridge import client as clients
from landbridge import errors
from landbridge.client import Client
from landbridge.environments import Packages, _fits, packages_option
from landbridge.errors import InvalidField, LandbridgeError, UnknownOption
from landbridge.imports import imported_packages, packages_of_r_text
from landbridge.job import Job
from landbridge.kinds import Json
from landbridge.progress_line import ProgressLine
from landbridge.submission import document, sink_for

from tests.py_client.conftest import ROOT, check_schema
from tests.py_client.gateway import Answer, FakeGateway, Seen, answer

CASES: Json = json.loads((ROOT / "r-client/tests/testthat/fixtures/packages.json").read_text())
IMAGE = f"sha256:{'0123456789abcdef' * 4}"
RUNTIMES = [
    {"name": name, "language": name.partition(":")[0], "default": default}
    for name, default in (("r:4.6", True), ("r:4.7", False), ("python:3.14", True), ("python:3.15", False))
]


def fit(x: int) -> int:
    return x


@pytest.fixture
def connected(gateway: FakeGateway, monkeypatch: pytest.MonkeyPatch) -> Client:
    client = gateway.client()
    monkeypatch.setattr(clients, "_chosen", [client])
    return client


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refused(call: Callable[[], Any]) -> tuple[str, str | None]:
    with pytest.raises(InvalidField) as caught:
        call()
    return caught.value.message, caught.value.hint


def of(language: str) -> Any:
    return fit if language == "python" else lb.r("function(x) x")


def sent(client: Client, made: Any) -> Json:
    """The task as it would be submitted, checked by the contract."""
    body = document(lb.task(made), (), {}, [], sink_for(client, lb.task(made)))
    task: Json = json.loads(json.dumps(body["task"]))
    check_schema("task", task)
    return task


@pytest.mark.parametrize("case", CASES["names"], ids=lambda case: str(case["given"])[:40])
def test_names_become_requirements_or_are_refused(case: Json) -> None:
    if "message" in case:
        found = refused(lambda: lb.task(of(case["language"]), packages=case["given"]))
        assert found == (case["message"], case["hint"])
        return
    made = lb.task(of(case["language"]), packages=case["given"])
    assert made.options["packages"].environment == {"packages": case["requirements"]}


@pytest.mark.parametrize("case", CASES["files"], ids=lambda case: str(case.get("message", case["path"]))[:60])
def test_files_say_what_they_name_or_where_they_break(case: Json, here: Path) -> None:
    for name, text in case["files"].items():
        (here / name).parent.mkdir(exist_ok=True)
        (here / name).write_text(text)
    if "message" in case:
        message, hint = refused(lambda: packages_option(case["path"], case["language"]))
        assert message == case["message"]
        if not message.startswith("There is no file"):
            assert hint == case["hint"]
        return
    found = packages_option(Path(case["path"]), case["language"])
    assert found is not None
    assert (found.environment, found.wants) == (case["environment"], case["wants"])


@pytest.mark.parametrize(("wants", "runtime", "fits"), CASES["fits"])
def test_a_runtime_fits_by_its_minor_version(wants: str, runtime: str, fits: bool) -> None:
    assert _fits(runtime, wants) is fits


@pytest.mark.parametrize("case", [case for case in CASES["uses"] if case["language"] == "r"])
def test_a_text_of_r_says_what_it_uses(case: Json) -> None:
    assert packages_of_r_text(case["text"]) == case["names"]


def test_packages_and_image_reach_the_task(connected: Client) -> None:
    made = lb.task(fit, packages=["scikit-learn>=1.5", "polars"])
    assert sent(connected, made)["environment"] == {"packages": ["scikit-learn>=1.5", "polars"]}
    assert repr(made) == "<Task fit (python), packages=['scikit-learn>=1.5', 'polars']>"
    other = lb.task(made, image=IMAGE)
    assert sent(connected, other)["environment"] == {"image": IMAGE}
    assert sent(connected, lb.task(other, packages="polars"))["environment"] == {"packages": ["polars"]}
    assert "environment" not in sent(connected, lb.task(made, packages=None))
    assert sent(connected, lb.task(lb.r("function(x) x"), packages="ranger"))["environment"] == {"packages": ["ranger"]}


def test_what_is_no_packages_and_no_image() -> None:
    assert refused(lambda: lb.task(fit, packages=3)) == (
        "`packages` cannot be `3`.",
        'It is a name, a list of names such as ["polars>=1.0"], the path of a file such as "requirements.txt", '
        'or "auto".',
    )
    assert refused(lambda: lb.task(fit, image="latest")) == (
        "`image` cannot be `'latest'`.",
        'It is an image\'s id, "sha256:" and 64 digits, as an earlier job tells it.',
    )
    assert refused(lambda: lb.task(fit, packages="a", image=IMAGE))[0] == "`packages` and `image` cannot both be."
    many = [f"p{number}" for number in range(501)]
    assert refused(lambda: lb.task(fit, packages=many)) == (
        "`packages` names 501 packages, and 500 are the most.",
        "Give a lockfile.",
    )
    with pytest.raises(UnknownOption, match="Did you mean `packages`"):
        lb.task(fit, package="a")


def test_a_file_that_is_not_there_may_be_a_package(here: Path) -> None:
    message, hint = refused(lambda: lb.task(fit, packages="discord.py"))
    assert message == "There is no file `discord.py`."
    assert hint == f'The working directory is {here}. A package of this name is given in a list, ["discord.py"].'


def test_a_file_picks_the_runtime(gateway: FakeGateway, connected: Client, here: Path) -> None:
    gateway.faults = []
    project = here / "pyproject.toml"

    def task(wants: str, **options: Any) -> Json:
        project.write_text(f'[project]\nname = "x"\nrequires-python = "{wants}"\ndependencies = ["polars"]\n')
        gateway.faults = [] if "runtime" in options else [answer({"runtimes": RUNTIMES})]
        return sent(connected, lb.task(fit, packages="pyproject.toml", **options))

    assert "runtime" not in task(">=3.11")
    assert task(">=3.15")["runtime"] == "python:3.15"
    assert task("<4", runtime="python:3.14")["runtime"] == "python:3.14"
    assert refused(lambda: task(">=3.16")) == (
        "`pyproject.toml` wants Python >=3.16, and the gateway has python:3.14, python:3.15.",
        "Change `pyproject.toml`, or name the packages.",
    )
    assert refused(lambda: task(">=3.16", runtime="python:3.14")) == (
        "`pyproject.toml` wants Python >=3.16, and the task has the runtime python:3.14.",
        "Leave `runtime` out, or change `pyproject.toml`.",
    )


def test_the_bounds_of_r_pick_the_runtime(gateway: FakeGateway, connected: Client, here: Path) -> None:
    (here / "DESCRIPTION").write_text("Package: x\nDepends: R (>= 4.7)\nImports: dplyr\n")
    gateway.faults = [answer({"runtimes": RUNTIMES})]
    task = sent(connected, lb.task(lb.r("function(x) x"), packages="DESCRIPTION"))
    assert (task["runtime"], task["environment"]) == ("r:4.7", {"packages": ["dplyr"]})


SCRIPT = "# /// script\n# dependencies = ['polars>=1.0']\n# ///\nimport polars\n"


def test_a_script_uses_its_own_block_unless_packages_are_given(connected: Client, here: Path) -> None:
    (here / "train.py").write_text(SCRIPT)
    made = lb.task("train.py")
    assert sent(connected, made)["environment"] == {"packages": ["polars>=1.0"]}
    assert sent(connected, lb.task(made, packages="rich"))["environment"] == {"packages": ["rich"]}
    assert sent(connected, lb.task(made, image=IMAGE))["environment"] == {"image": IMAGE}
    assert "environment" not in sent(connected, lb.task(made, session="job_0123456789abcdef"))
    (here / "train.py").write_text("# /// script\n# dependencies = [\n# ///\n")
    assert refused(lambda: sent(connected, lb.task("train.py")))[0] == "`train.py` cannot be used: line 2 is no TOML."


def test_auto_pins_what_a_function_imports(
    connected: Client, capsys: pytest.CaptureFixture[str], own_module: Any
) -> None:
    task = sent(connected, lb.task(own_module.train, packages="auto"))
    import pandas
    import sklearn

    pins = [f"pandas=={pandas.__version__}", f"scikit-learn=={sklearn.__version__}"]
    assert sorted(task["environment"]["packages"]) == pins
    assert capsys.readouterr().err == f"packages of train: {', '.join(task['environment']['packages'])}\n"


@pytest.fixture
def own_module(here: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A module of the user's own, whose function names the standard library, installed packages, another of these."""
    (here / "nearby.py").write_text("def tidy(x):\n    return x\n")
    text = """\
        import json
        import pandas as pd
        from nearby import tidy

        def train(x):
            import os
            import nearby
            from sklearn.linear_model import LinearRegression
            try:
                import not_installed_at_all
            except ImportError:
                pass
            return json.dumps(pd.DataFrame(tidy(x)).shape), LinearRegression, os

        def broken(x):
            import not_installed_at_all
    """
    (here / "own_trial.py").write_text(textwrap.dedent(text))
    monkeypatch.syspath_prepend(here)
    import own_trial  # type: ignore[import-not-found]

    yield own_trial
    for name in ("own_trial", "nearby"):
        sys.modules.pop(name, None)


def test_auto_names_a_module_that_is_not_installed(connected: Client, own_module: Any) -> None:
    assert refused(lambda: sent(connected, lb.task(own_module.broken, packages="auto"))) == (
        'packages = "auto" cannot take `not_installed_at_all`: it is not installed here.',
        'Install it here, or name the packages: packages=["polars", ...].',
    )


def test_auto_reads_scripts_and_leaves_out_what_lies_beside_them(connected: Client, here: Path) -> None:
    (here / "steps.py").touch()
    text = "import steps, landbridge, os.path\nfrom typing import TYPE_CHECKING\nfrom sklearn import tree\n"
    text += "if TYPE_CHECKING:\n    import not_installed_at_all\n"
    (here / "train.py").write_text(text)
    (only,) = sent(connected, lb.task("train.py", packages="auto"))["environment"]["packages"]
    assert only.startswith("scikit-learn==")


def test_auto_without_any_package_is_the_runtime_as_it_is(
    connected: Client, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "environment" not in sent(connected, lb.task(fit, packages="auto"))
    assert capsys.readouterr().err == "packages of fit: none\n"


def test_auto_takes_bare_names_of_r(connected: Client, capsys: pytest.CaptureFixture[str]) -> None:
    made = lb.task(lb.r("function(x) { library(ranger); stats::sd(broom::tidy(x)) }"), packages="auto")
    assert sent(connected, made)["environment"] == {"packages": ["ranger", "broom"]}
    assert capsys.readouterr().err == "packages of f: ranger, broom\n"


def test_auto_takes_what_the_free_names_of_a_document_need() -> None:
    native = {"kind": "native", "language": "python", "packages": ["sklearn"]}
    free = [
        {"name": "pd", "import": {"module": "pandas.api", "attribute": None}},
        {"name": "model", "value": {"kind": "list", "items": [[None, native]]}},
        {"name": "g", "source": {"type": "source", "name": "g", "text": "def g():\n    import pyarrow.compute\n"}},
    ]
    source = {"type": "source", "name": "f", "text": "def f(): pass\n", "free": free}
    names = [pin.partition("==")[0] for pin in imported_packages("python", source)]
    assert names == ["pandas", "scikit-learn", "pyarrow"]
    reference = {"type": "reference", "package": "numpy.linalg", "name": "norm"}
    assert imported_packages("python", reference)[0].startswith("numpy==")


def test_sweeps_and_sessions_have_packages(gateway: FakeGateway, connected: Client) -> None:
    gateway.job()
    s = lb.session("r:4.6", packages=["ranger"])
    assert gateway.sent("POST", "/jobs")[-1].json["task"]["environment"] == {"packages": ["ranger"]}
    for options in ({"packages": "broom"}, {"image": IMAGE}):
        (name,) = options
        assert refused(lambda options=options: s.submit(lb.task(lb.r("function(x) x"), **options), 1)) == (
            f"A job in a session has the session's packages, and no `{name}`.",
            f"Give `{name}` to session().",
        )
    assert refused(lambda: lb.session("r", packages="auto"))[0] == 'A session cannot have packages = "auto".'
    gateway.faults = [answer({"job": gateway.job(7, points={"total": 2})}, 201)]
    lb.map(lb.task(fit, packages="polars"), [1, 2])
    assert gateway.sent("POST", "/jobs/batch")[-1].json["task"]["environment"] == {"packages": ["polars"]}


# What is shown.


def noted(gateway: FakeGateway, job: Json, note: str | None) -> None:
    """The job goes on waiting, and says for what."""
    with gateway.changed:
        job["note"] = note
        event = {"seq": len(gateway.events) + 1, "job": job["id"], "state": job["state"], "cause": None, "at": ""}
        gateway.events.append(event | {"note": note})
        gateway.changed.notify_all()


def staged(gateway: FakeGateway, patch: pytest.MonkeyPatch, *steps: tuple[str | None, Callable[[], object]]) -> None:
    """Each request for events is answered by the next thing that happens, once the text before it was shown."""
    shown: set[str] = set()
    told, left = threading.Condition(), list(steps)
    show, wait = ProgressLine.show, gateway._wait

    def noticed(line: ProgressLine, text: str) -> None:
        show(line, text)
        with told:
            shown.add(text)
            told.notify_all()

    def next_step(seen: Seen) -> Answer:
        if left:
            after, happens = left.pop(0)
            with told:
                told.wait_for(lambda: after is None or after in shown, 30)
            happens()
        return wait(seen)

    patch.setattr(ProgressLine, "show", noticed)
    patch.setattr(gateway, "_wait", next_step)


BUILDING = "building r:4.6 + ranger, 12 s"


def test_a_note_is_shown_where_somebody_looks(
    gateway: FakeGateway, connected: Client, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("landbridge.progress_line._somebody_looks", lambda: True)
    told = gateway.job(state="waiting")
    staged(
        gateway,
        monkeypatch,
        (None, lambda: noted(gateway, told, "building r:4.6")),
        ("fit: building r:4.6", lambda: noted(gateway, told, BUILDING)),
        (f"fit: {BUILDING}", lambda: gateway.end(told, result={"kind": "scalar", "type": "int", "value": 7})),
    )
    assert Job(connected, dict(told), 0).result(30) == 7
    # It is written over, and gone at the end.
    line = f"fit: {BUILDING}"
    assert capsys.readouterr().err == f"\rfit: building r:4.6\r{line}\r{' ' * len(line)}\r"
    assert all("ends" not in seen.query for seen in gateway.sent("GET", "/events"))


def test_a_sweep_that_waits_says_for_what(
    gateway: FakeGateway, connected: Client, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    counts = dict.fromkeys(("waiting", "queued", "running", "succeeded", "failed", "cancelled", "lost"), 0)
    told = gateway.job(state="waiting", points=counts | {"total": 2})
    ended = counts | {"total": 2, "succeeded": 2}
    staged(
        gateway,
        monkeypatch,
        ("0 of 2 points", lambda: noted(gateway, told, BUILDING)),
        (f"fit: {BUILDING}", lambda: gateway.end(told, "queued", points=ended)),
    )
    points = [{"point": point, "done": point + 1, "job": "j", "state": "succeeded"} for point in range(2)]
    job, all_points = gateway._job, {"points": points, "counts": ended, "next": 2, "ended": True}
    monkeypatch.setattr(
        gateway, "_job", lambda seen: answer(all_points) if seen.path.endswith("/points") else job(seen)
    )
    lb.Sweep(connected, dict(told)).wait(30, progress=True)
    shown = [part.rstrip() for part in capsys.readouterr().err.split("\r")]
    assert shown == ["", "0 of 2 points", f"fit: {BUILDING}", "2 of 2 points"]


def test_a_script_waits_in_silence(
    gateway: FakeGateway, connected: Client, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    told = gateway.job(state="waiting", note="building r:4.6 + ranger, 1 s")
    job = Job(connected, dict(told), 0)
    assert repr(job) == f"<Job fit {job.id} waiting (building r:4.6 + ranger, 1 s) 1.5 s {told['url']}>"
    gateway.end(told, note=None, result={"kind": "scalar", "type": "int", "value": 7})
    assert job.result(30) == 7
    assert capsys.readouterr().err == ""
    assert "building" not in repr(job)


def test_a_session_that_waits_says_for_what(gateway: FakeGateway, connected: Client) -> None:
    told = gateway.job(state="waiting", note="building r:4.6 + ranger, 1 s", runtime="r:4.6")
    shown = repr(lb.Session(Job(connected, dict(told), 0)))
    assert shown == f"<Session {told['id']} r:4.6 waiting (building r:4.6 + ranger, 1 s)>"


def test_a_failed_environment_is_the_gateways_sentence_with_the_builds_last_lines(
    gateway: FakeGateway, connected: Client
) -> None:
    error = {
        "type": "environment",
        "classes": ["environment"],
        "message": "No package of R is called rangr.",
        "hint": "Did you mean ranger?",
        "log_tail": {"build": ["E: Unable to locate package r-cran-rangr"]},
    }
    told = gateway.job(state="failed", cause="environment", error=error)
    problem: LandbridgeError | None = Job(connected, dict(told), 0).exception()
    assert isinstance(problem, errors.JobFailed)
    assert str(problem).splitlines() == [
        f"Job {told['id']} failed: No package of R is called rangr.",
        "Last lines of build:",
        "  E: Unable to locate package r-cran-rangr",
        "Did you mean ranger?",
    ]
    assert (problem.message, problem.hint) == ("No package of R is called rangr.", "Did you mean ranger?")
    assert problem.detail["remote"]["log_tail"]["build"] == ["E: Unable to locate package r-cran-rangr"]


def test_the_option_shows_what_was_given() -> None:
    assert repr(Packages(None)) == "'auto'"
    assert repr(Packages({"packages": ["a"]}, file="pyproject.toml")) == "'pyproject.toml'"
