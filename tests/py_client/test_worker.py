"""The worker as the child process that it is, over real job folders."""

from __future__ import annotations

import json
import linecache
import os
import stat
import textwrap
from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest
from landbridge.kinds import Json, Native
from landbridge.program import compiled

from tests.py_client.conftest import JOB, Workshop

Source = Callable[..., Json]


def script(text: str, **more: Any) -> Json:
    return {"type": "script", "file": "folder/job.py", "text": text, **more}


def test_a_function_runs_and_its_result_is_published(workshop: Workshop, source: Source) -> None:
    ran = workshop.run(source("def f(x, y=2):\n    print('hi', x)\n    return {'sum': x + y}\n"), (None, 3), ("y", 4))
    assert (ran.code, ran.stderr) == (0, "")
    assert ran.decoded() == {"sum": 7}
    assert ran.text("stdout.log") == "hi 3\n"
    (started,) = ran.heard("started")
    assert set(started["versions"]) == {"python", "pyarrow"}


def test_a_frame_in_and_a_frame_out(workshop: Workshop, source: Source) -> None:
    frame = pd.DataFrame({"a": [1, 2], "s": ["x", None]})
    ran = workshop.run(source("def f(df):\n    return df.assign(b=df.a * 2)\n"), ("df", frame))
    pd.testing.assert_frame_equal(ran.decoded(), frame.assign(b=[2, 4]))
    assert ran.result["preview"] == [["1", "x", "2"], ["2", None, "4"]]
    assert {"pandas", "numpy"} <= set(ran.heard("started")[0]["versions"])


def test_others_can_read_what_the_worker_writes(workshop: Workshop, source: Source) -> None:
    old = os.umask(0o077)
    try:
        ran = workshop.run(source("def f():\n    return list(range(2000))\n"))
    finally:
        os.umask(old)
    files = [path for path in (ran.folder / "out").rglob("*") if path.is_file()]
    assert len(files) == 5
    assert all(path.stat().st_mode & stat.S_IROTH for path in files)


@pytest.mark.parametrize(("left", "used"), [("", True), ('{"kind": "sca', False)])
def test_an_outcome_goes_into_the_file_that_is_there_for_it_if_it_is_empty(
    workshop: Workshop, source: Source, left: str, used: bool
) -> None:
    draft = workshop.folder / "out" / ".draft"
    draft.write_text(left)
    there = draft.stat().st_ino
    ran = workshop.run(source("def f():\n    return 1\n"))
    assert ran.decoded() == 1
    assert ((ran.folder / "out" / "result.json").stat().st_ino == there) is used
    assert draft.exists() is not used


def test_a_child_that_user_code_forked_leaves_that_file_to_the_worker(workshop: Workshop, source: Source) -> None:
    (workshop.folder / "out" / ".draft").touch()
    text = """
        def f():
            import os, sys
            child = os.fork()
            if child:
                os.waitpid(child, 0)
                return sorted(os.listdir(os.environ["LANDBRIDGE_JOB_FOLDER"] + "/out"))
        """
    ran = workshop.run(source(textwrap.dedent(text)))
    assert ".draft" in ran.decoded()
    assert not (ran.folder / "out" / ".draft").exists()


def test_an_error_shows_the_users_own_lines(workshop: Workshop, source: Source) -> None:
    helper = source("def helper(x):\n    y = 1\n    raise ValueError(f'bad {x}')\n", "helper", line=3)
    main = source("def f(x):\n    import warnings\n    warnings.warn('careful')\n    return helper(x)\n", line=10)
    ran = workshop.run(main | {"free": [{"name": "helper", "source": helper}]}, ("x", 5))
    assert ran.code == 0
    error = ran.error
    assert (error["type"], error["message"]) == ("ValueError", "bad 5")
    assert error["classes"] == ["ValueError", "Exception", "BaseException"]
    shown = [frame for frame in error["frames"] if not frame["ours"]]
    assert [(frame["function"], frame["file"], frame["line"]) for frame in shown] == [
        ("f", "train.py", 13),
        ("helper", "train.py", 5),
    ]
    assert shown[1]["source"][:3] == [[3, "def helper(x):"], [4, "    y = 1"], [5, "    raise ValueError(f'bad {x}')"]]
    assert error["frames"][0]["ours"]
    assert error["warnings"] == [{"message": "careful", "category": "UserWarning"}]
    assert not (ran.folder / "out" / "result.json").exists()
    log = ran.text("stderr.log")
    assert "raise ValueError(f'bad {x}')" in log
    assert "landbridge/worker.py" not in log


def test_warnings_are_events_and_stand_in_the_log(workshop: Workshop, source: Source) -> None:
    text = """import warnings
class Odd(UserWarning): ...
def f():
    warnings.warn('one', Odd)
    warnings.warn('two', FutureWarning)
"""
    ran = workshop.run(source(text))
    heard = [(event["message"], event["category"], event["call"]) for event in ran.heard("warning")]
    assert heard == [("one", "Odd", None), ("two", "FutureWarning", None)]
    assert "train.py:4: Odd: one" in ran.text("stderr.log")


def test_prints_of_children_and_of_descriptors_are_in_the_log(workshop: Workshop, source: Source) -> None:
    text = "import os, sys\ndef f():\n    print('a')\n    os.system('echo b; echo c >&2')\n    os.write(1, b'd\\n')\n"
    ran = workshop.run(source(text))
    assert ran.text("stdout.log") == "a\nb\nd\n"
    assert ran.text("stderr.log") == "c\n"


@pytest.mark.parametrize(("call", "code"), [("7", 7), ("'why'", 1), ("None", 0)])
def test_a_function_that_exits_leaves_no_result(workshop: Workshop, source: Source, call: str, code: int) -> None:
    ran = workshop.run(source(f"import sys\ndef f():\n    print('bye')\n    sys.exit({call})\n"))
    assert ran.code == code
    assert ran.text("stdout.log") == "bye\n"
    assert not list((ran.folder / "out").glob("*.json"))


@pytest.mark.parametrize("kind", ["KeyboardInterrupt", "MemoryError", "GeneratorExit"])
def test_whatever_user_code_raises_is_its_error(workshop: Workshop, source: Source, kind: str) -> None:
    ran = workshop.run(source(f"def f():\n    raise {kind}\n"))
    assert (ran.code, ran.error["type"]) == (0, kind)


def test_endless_recursion_is_told_in_short(workshop: Workshop, source: Source) -> None:
    error = workshop.run(source("def f(x):\n    return f(x + 1)\n"), ("x", 1)).error
    assert error["type"] == "RecursionError"
    assert len(error["frames"]) == 100


def test_an_error_of_a_package_is_named_with_its_module(workshop: Workshop, source: Source) -> None:
    error = workshop.run(source("import json\nclass Mine(Exception): ...\ndef f():\n    json.loads('{')\n")).error
    assert error["type"] == "json.decoder.JSONDecodeError"
    text = """class Mine(Exception): ...
def f():
    try:
        1 / 0
    except ZeroDivisionError as e:
        raise Mine('m') from e
"""
    other = Workshop(workshop.folder.with_name("other")).run(source(text)).error
    assert (other["type"], other["cause"]["type"]) == ("Mine", "ZeroDivisionError")


def test_a_reference_is_looked_up(workshop: Workshop) -> None:
    ran = workshop.run({"type": "reference", "package": "statistics", "name": "mean"}, (None, [1, 2, 6]))
    assert ran.decoded() == 3


def test_a_missing_package_is_the_jobs_error(workshop: Workshop) -> None:
    error = workshop.run({"type": "reference", "package": "no_such_package", "name": "f"}).error
    assert (error["type"], error["message"]) == ("ModuleNotFoundError", "No module named 'no_such_package'")


def test_a_script_has_variables_arguments_and_outputs(workshop: Workshop) -> None:
    text = "import sys\nassert __name__ == '__main__'\nn = len(data)\nargs = sys.argv\nsys.exit(0)\n"
    ran = workshop.run(script(text, outputs=["n", "args"]), ("data", [1, 2, 3]), (None, "--depth"), (None, 6))
    assert ran.decoded() == {"n": 3, "args": ["job.py", "--depth", "6"]}


def test_a_script_without_outputs_has_no_result(workshop: Workshop) -> None:
    assert workshop.run(script("x = 1\n")).result == {"kind": "null"}


def test_a_script_fails_by_exit_code_or_by_a_missing_output(workshop: Workshop) -> None:
    assert workshop.run(script("import sys\nsys.exit(3)\n")).code == 3
    other = Workshop(workshop.folder.with_name("other")).run(script("x = 1\n", outputs=["y"]))
    assert other.error["message"] == "the script made no variable `y`, which is among its outputs"


def test_seeds_reach_random_and_numpy_and_place_is_fresh(workshop: Workshop, source: Source) -> None:
    text = (
        "import os, random\ndef f():\n    import numpy as np\n"
        "    return [random.random(), float(np.random.rand()), os.environ['TZ'], os.listdir()]\n"
    )
    first = workshop.run(source(text), seed=5).decoded()
    second = Workshop(workshop.folder.with_name("second")).run(source(text), seed=5).decoded()
    third = Workshop(workshop.folder.with_name("third")).run(source(text), seed=6).decoded()
    assert first == second
    assert first[2:] == ["UTC", []]
    assert first[0] != third[0]
    assert first[1] != third[1]


def test_free_names_stand_around_the_function(workshop: Workshop, source: Source) -> None:
    point = source("import dataclasses\n@dataclasses.dataclass\nclass Point:\n    x: int\n", "Point")
    value = {"kind": "list", "shape": "dataclass", "class": "__main__.Point", "items": [["x", workshop.node(2)]]}
    free = [
        {"name": "origin", "value": value},
        {"name": "np", "import": {"module": "math", "attribute": None}},
        {"name": "Point", "source": point},
    ]
    ran = workshop.run(source("def f():\n    return isinstance(origin, Point), np.sqrt(origin.x * 8)\n", free=free))
    assert ran.decoded() == (True, 4.0)


def test_the_in_job_functions_keep_a_record(workshop: Workshop) -> None:
    text = """
import landbridge as lb
import numpy as np
lb.log_metric("rmse", 0.5, step=3)
lb.log_metric("loss", float("nan"))
lb.log_param("depth", np.int64(6))
lb.set_tag("kind", "baseline")
lb.progress(1, 10, "reading")
lb.save_value("coef", list(range(2000)))
open("note.txt", "w").write("z")
lb.save_file("note.txt")
lb.save_file("note.txt", "copy.md")
seen = lb.context()
"""
    ran = workshop.run(script(text, outputs=["seen"]), experiment="delays", tags={"a": "b"})
    metrics = [(event["name"], event["value"], event["step"]) for event in ran.heard("metric")]
    assert metrics == [("rmse", 0.5, 3), ("loss", "NaN", None)]
    assert [(event["name"], event["value"]) for event in ran.heard("param")] == [("depth", 6)]
    assert ran.heard("tag")[0]["value"] == "baseline"
    assert (ran.heard("progress")[0]["done"], ran.heard("progress")[0]["total"]) == (1, 10)
    artifact = ran.heard("artifact")[0]["value"]
    assert (ran.folder / "out" / "objects" / artifact["object"].removeprefix("new:")).is_file()
    files = [(event["file"], event["media_type"], event["size"]) for event in ran.heard("file")]
    assert files == [("files/note.txt", "text/plain", 1), ("files/copy.md", "text/markdown", 1)]
    seen = ran.decoded()["seen"]
    assert (seen["job"], seen["attempt"], seen["seed"]) == (JOB, 1, 7)
    assert (seen["experiment"], seen["tags"], seen["folder"]) == ("delays", {"a": "b"}, str(ran.folder))


def test_in_job_functions_name_what_they_cannot_keep(workshop: Workshop) -> None:
    text = """import landbridge as lb
found = []
for call in (lambda: lb.save_file('none'), lambda: lb.log_plot('p', 3)):
    try:
        call()
    except lb.errors.ValueCannotCross as problem:
        found.append(problem.message)
"""
    found = workshop.run(script(text, outputs=["found"])).decoded()["found"]
    assert found == [
        "`path` cannot cross: there is no file `none`.",
        "`p` cannot cross: it is of the type `int`, neither a matplotlib figure nor an altair chart.",
    ]


def test_a_metric_is_cheap_and_lines_never_mix(workshop: Workshop) -> None:
    text = """
import landbridge as lb, os
if os.fork() == 0:
    for i in range(500): lb.log_metric("child", i, i)
    os._exit(0)
for i in range(500): lb.log_metric("parent", i, i)
os.wait()
"""
    ran = workshop.run(script(text))
    assert sorted(event["name"] for event in ran.heard("metric")) == ["child"] * 500 + ["parent"] * 500


def test_a_lean_start_loads_neither_the_client_nor_data_libraries(workshop: Workshop) -> None:
    heavy = "['urllib3', 'pyarrow', 'numpy', 'pandas', 'polars', 'asyncio']"
    ran = workshop.run(
        script(f"import sys\nimport landbridge\nfound = [m for m in {heavy} if m in sys.modules]\n", outputs=["found"])
    )
    assert ran.decoded() == {"found": []}


def test_a_native_object_is_loaded_and_one_of_r_is_passed_on(workshop: Workshop, source: Source) -> None:
    (workshop.folder / "in" / "obj_0123456789abcdef.rds").write_bytes(b"X")
    model = {"kind": "native", "object": "obj_0123456789abcdef", "language": "r", "codec": "rds", "class": ["lm"]}
    text = "def f(mine, other):\n    return {'mine': mine[1], 'kind': type(other).__name__, 'other': other}\n"
    ran = workshop.run(source(text), ("mine", {1: 2}), ("other", model))
    items = dict(ran.result["items"])
    assert (items["mine"]["value"], items["kind"]["value"], items["other"]) == (2, "Native", model)
    assert isinstance(ran.decoded()["other"], Native)


def test_a_result_that_cannot_cross_is_the_jobs_error(workshop: Workshop, source: Source) -> None:
    error = workshop.run(source("import threading\ndef f():\n    return {'a': [1, threading.Lock()]}\n")).error
    assert error["type"] == "landbridge.errors.ValueCannotCross"
    assert error["message"].startswith('`result["a"][1]` cannot cross: it is of the type `_thread.lock`')
    assert error["hint"].startswith("Pass what it was made from")


def test_a_coroutine_is_awaited(workshop: Workshop, source: Source) -> None:
    assert (
        workshop.run(source("import asyncio\nasync def f():\n    await asyncio.sleep(0)\n    return 5\n")).decoded()
        == 5
    )


GOOD: Json = {
    "protocol": 1,
    "job": JOB,
    "attempt": 1,
    "task": {"language": "python", "function": {"type": "reference", "package": "math", "name": "sqrt"}},
    "values": {"items": [[None, {"kind": "scalar", "type": "int", "value": 4}]]},
    "seed": 1,
}
BAD: dict[str, tuple[Any, str]] = {
    "no object": ([], "no JSON object"),
    "protocol": (GOOD | {"protocol": 2}, "the protocol is 2, not 1"),
    "language": (GOOD | {"task": GOOD["task"] | {"language": "r"}}, "the language is 'r'"),
    "function": (GOOD | {"task": {"language": "python", "function": {"type": "bytes"}}}, "unknown type 'bytes'"),
    "no task": ({"protocol": 1}, "KeyError: 'task'"),
    "kind": (GOOD | {"values": {"items": [[None, {"kind": "job"}]]}}, "unknown kind 'job'"),
    "field": (GOOD | {"values": {"items": [[None, {"kind": "frame"}]]}}, "KeyError: 'object'"),
    "file": (
        GOOD | {"values": {"items": [[None, {"kind": "file", "object": "obj_0123456789abcdef", "name": "a"}]]}},
        "no file for the object obj_0123456789abcdef",
    ),
    "escape": (GOOD | {"values": {"items": [[None, {"kind": "file", "object": "../job", "name": "a"}]]}}, "no file"),
}


@pytest.mark.parametrize("name", sorted(BAD))
def test_a_folder_that_is_not_understood_is_left_alone(workshop: Workshop, name: str) -> None:
    document, reason = BAD[name]
    ran = workshop.start(document)
    assert ran.code == 64
    assert ran.stderr.count("\n") == 1
    assert reason in ran.stderr
    assert not [path for path in (ran.folder / "out").rglob("*") if path.is_file()]


def test_broken_json_and_a_missing_file_are_not_understood(workshop: Workshop) -> None:
    ran = workshop.start(json.dumps(GOOD)[:-5])
    assert (ran.code, ran.stderr.startswith("landbridge worker: job.json cannot be read")) == (64, True)
    assert workshop.start(None).code == 64
    assert workshop.start(GOOD).decoded() == 2.0


def test_a_figure_is_kept_as_a_picture(workshop: Workshop) -> None:
    pytest.importorskip("matplotlib")
    text = """
import matplotlib
matplotlib.use("Agg")
import matplotlib.pyplot as plt
import landbridge as lb
figure, axes = plt.subplots()
axes.plot([1, 2])
lb.log_plot("curve", figure)
lb.log_plot("axes", axes)
"""
    ran = workshop.run(script(text))
    assert [(event["name"], event["file"], event["media_type"]) for event in ran.heard("file")] == [
        ("curve", "files/curve.png", "image/png"),
        ("axes", "files/axes.png", "image/png"),
    ]
    assert (ran.folder / "out" / "files" / "curve.png").read_bytes().startswith(b"\x89PNG")


def test_a_chart_is_kept_as_its_grammar(workshop: Workshop) -> None:
    pytest.importorskip("altair")
    text = "import altair, landbridge as lb\nlb.log_plot('bars', altair.Chart('data.csv').mark_bar())\n"
    (event,) = workshop.run(script(text)).heard("file")
    assert (event["file"], event["media_type"]) == ("files/bars.json", "application/vnd.vegalite+json")
    chart = json.loads((workshop.folder / "out" / "files" / "bars.json").read_text())
    assert "vega-lite" in chart["$schema"]


def test_code_that_is_known_is_told_with_its_own_lines_though_another_had_its_file_since() -> None:
    one, other = "def f():\n    return 1\n", "def f():\n    return 2\n"
    code = compiled(one, "folder/known.py", 1)
    compiled(other, "folder/known.py", 1)
    assert linecache.getline("folder/known.py", 2) == "    return 2\n"
    assert compiled(one, "folder/known.py", 1) is code
    assert linecache.getline("folder/known.py", 2) == "    return 1\n"
