"""Sweeps of the Python client: what is sent, and what is made of what the gateway tells."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import landbridge as lb
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from landbridge import client as client_module
from landbridge import errors
from landbridge.client import Client
from landbridge.kinds import Json

from tests.py_client.conftest import check_schema
from tests.py_client.gateway import FakeGateway, Seen, answer

STATES = ("waiting", "queued", "running", "succeeded", "failed", "cancelled", "lost")
ERROR = {"type": "ValueError", "classes": ["ValueError", "Exception"], "message": "no", "frames": []}


def whole(value: Any, kind: str = "int") -> Json:
    return {"kind": "scalar", "type": kind, "value": value}


class SweepingGateway(FakeGateway):
    """Has one sweep, whose points end as the test says: each answer tells the next of ``told``."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[list[Json]] = []
        self.total = 0

    def respond(self, seen: Seen) -> Any:
        if seen.path == "/jobs/batch":
            self.requests.append(seen)
            self.total = seen.json["points"]["n"]
            items = [["x", {"kind": "each", "column": 0}]]
            job = self.job(1, state="running", points=self.counts(0), task={}, values={"items": items})
            return answer({"job": job, "cursor": 0}, 201)
        if seen.path.endswith("/points"):
            self.requests.append(seen)
            points = self.told.pop(0) if self.told else []
            ended = not self.told
            following = int(seen.query["after"]) + len(points)
            self.jobs["job_0000000000000001"]["points"] = self.counts(following)
            return answer({"points": points, "counts": self.counts(following), "next": following, "ended": ended})
        return super().respond(seen)

    def counts(self, ended: int) -> Json:
        return dict.fromkeys(STATES, 0) | {"total": self.total, "succeeded": ended}

    def point(self, number: int, result: Json | None = None, **more: Any) -> Json:
        about = {"done": 0, "point": number, "job": f"job_{100 + number:016d}", "state": "succeeded", "cause": None}
        return about | {"seconds": 0.5, "error": None, "metrics": {}, "result": result or whole(number)} | more


@pytest.fixture
def gateway() -> Iterator[SweepingGateway]:
    with SweepingGateway() as made:
        yield made


@pytest.fixture(autouse=True)
def connected(gateway: SweepingGateway, monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    made = gateway.client()
    monkeypatch.setattr(client_module, "_chosen", [made])
    yield made
    made.close()


def fit(x: Any, depth: int = 1, rate: float = 0.1) -> Any:
    return x, depth, rate


def sent(gateway: SweepingGateway) -> Json:
    (seen,) = gateway.sent("POST", "/jobs/batch")
    check_schema("batch", seen.json)
    assert len(seen.headers["Idempotency-Key"]) == 32
    return seen.json


class TestWhatVaries:
    def test_a_bare_list_varies_and_all_else_is_common(self, gateway: SweepingGateway) -> None:
        lb.map(lb.task(fit, memory="1g"), "text", depth=[2, 4, 6])
        body = sent(gateway)
        assert body["values"]["items"] == [["x", whole("text", "str")], ["depth", {"kind": "each", "column": 0}]]
        assert body["points"]["n"] == 3
        assert body["points"]["columns"] == [{"kind": "vector", "type": "int", "n": 3, "values": [2, 4, 6]}]
        assert body["task"]["limits"] == {"memory": 2**30}

    def test_so_do_a_range_and_what_each_marks(self, gateway: SweepingGateway) -> None:
        lb.map(fit, range(2), lb.each((5, 6)), lb.each(pd.Series([0.5, 0.25])))
        assert [column["values"] for column in sent(gateway)["points"]["columns"]] == [[0, 1], [5, 6], [0.5, 0.25]]

    def test_common_keeps_a_list_common(self, gateway: SweepingGateway) -> None:
        lb.map(fit, lb.common([1, 2, 3]), depth=[1, 2])
        (_, node), _ = sent(gateway)["values"]["items"]
        assert (node["kind"], node["values"]) == ("vector", [1, 2, 3])

    @pytest.mark.parametrize("make", [pd.DataFrame, pl.DataFrame, pa.table], ids=["pandas", "polars", "pyarrow"])
    def test_each_row_of_a_frame_is_a_point(self, gateway: SweepingGateway, make: Any) -> None:
        lb.map(fit, 1, lb.each(make({"depth": [2, 4], "rate": [0.5, 0.25]})))
        body = sent(gateway)
        assert [key for key, _ in body["values"]["items"]] == ["x", "depth", "rate"]
        assert [column["values"] for column in body["points"]["columns"]] == [[2, 4], [0.5, 0.25]]

    def test_combinations_are_all_of_them_the_first_slowest(self, gateway: SweepingGateway) -> None:
        lb.map(fit, lb.combinations(x=["a", "b"], depth=[1, 2, 3]))
        first, second = sent(gateway)["points"]["columns"]
        assert first["values"] == ["a", "a", "a", "b", "b", "b"]
        assert second["values"] == [1, 2, 3, 1, 2, 3]

    def test_what_is_of_several_types_goes_as_nodes(self, gateway: SweepingGateway) -> None:
        lb.map(fit, [1, "a", None, [1, 2]])
        (column,) = sent(gateway)["points"]["columns"]
        assert [node["kind"] for _, node in column["items"]] == ["scalar", "scalar", "null", "vector"]

    def test_tables_of_points_are_uploaded_and_jobs_are_named(
        self, gateway: SweepingGateway, connected: Client
    ) -> None:
        job = lb.submit(fit, 1)
        lb.map(fit, [job, job["part"]])
        (column,) = sent(gateway)["points"]["columns"]
        assert [node for _, node in column["items"]] == [
            {"kind": "job", "job": job.id},
            {"kind": "job", "job": job.id, "path": ["part"]},
        ]

    def test_missing_values_stay_missing(self, gateway: SweepingGateway) -> None:
        lb.map(fit, [1, lb.Missing("int")])
        assert sent(gateway)["points"]["columns"][0]["values"] == [1, None]

    def test_a_function_of_r_takes_the_same(self, gateway: SweepingGateway) -> None:
        lb.map(lb.r("f <- function(x, y) x + y"), 1, [2, 3])
        assert sent(gateway)["values"]["items"] == [[None, whole(1)], [None, {"kind": "each", "column": 0}]]


class TestRefusals:
    def test_different_lengths_are_told_with_both_names(self) -> None:
        with pytest.raises(errors.InvalidField, match="`x` has 2 values, and `depth` has 3") as caught:
            lb.map(fit, [1, 2], depth=[1, 2, 3])
        assert "common()" in str(caught.value.hint)

    def test_something_must_vary(self) -> None:
        with pytest.raises(errors.InvalidField, match="Nothing varies from point to point"):
            lb.map(fit, 1)

    def test_a_script_or_a_session_is_no_sweep(self, tmp_path: Any) -> None:
        (tmp_path / "a.py").write_text("1\n")
        with pytest.raises(errors.InvalidField, match="A script cannot be a sweep"):
            lb.map(lb.task(tmp_path / "a.py"), x=[1])
        with pytest.raises(errors.InvalidField, match="cannot run in a session"):
            lb.map(lb.task(fit, session="job_0000000000000001"), [1])

    def test_arguments_are_checked_as_by_submit(self) -> None:
        with pytest.raises(errors.UnknownArgument, match="no argument `deep`"):
            lb.map(fit, 1, deep=[1, 2])
        with pytest.raises(errors.MissingArgument):
            lb.map(fit, depth=[1, 2])
        with pytest.raises(errors.UnknownArgument, match="`depth` was given twice"):
            lb.map(fit, 1, lb.each(pd.DataFrame({"depth": [1]})), depth=2)

    def test_what_each_cannot_go_through(self) -> None:
        for value in (1, "text", {"a": 1}):
            with pytest.raises(errors.InvalidField, match="cannot go through"):
                lb.each(value)

    def test_a_table_is_no_single_argument(self) -> None:
        with pytest.raises(errors.InvalidField, match="is a frame, whose columns are arguments"):
            lb.map(fit, x=lb.each(pd.DataFrame({"a": [1]})))


class TestResults:
    def test_they_come_in_the_order_of_the_points(self, gateway: SweepingGateway) -> None:
        gateway.told = [[gateway.point(2), gateway.point(0)], [], [gateway.point(1)]]
        assert lb.map(fit, [1, 2, 3]).result() == [0, 1, 2]
        asked = [seen.query["after"] for seen in gateway.requests if seen.path.endswith("/points")]
        assert asked == ["0", "2", "2"]

    def test_a_sweep_of_no_points(self, gateway: SweepingGateway) -> None:
        assert lb.map(fit, []).result() == []

    def test_the_first_error_is_raised_with_its_point(self, gateway: SweepingGateway) -> None:
        failed = {"state": "failed", "cause": "error", "error": ERROR}
        gateway.told = [[gateway.point(1, **failed), gateway.point(2, **failed), gateway.point(0)]]
        sweep = lb.map(fit, [1, 2, 3])
        with pytest.raises(errors.JobFailed) as caught:
            sweep.result()
        assert caught.value.detail["point"] == 1
        assert "It is point 1 of a sweep of 3" in caught.value.__notes__[0]
        returned = sweep.result(on_error="return")
        assert [isinstance(one, errors.JobFailed) for one in returned] == [False, True, True]
        assert sweep.result(on_error="skip") == [0]
        with pytest.raises(errors.InvalidField, match="raise, return, skip"):
            sweep.result(on_error="ignore")

    def test_partial_results_do_not_wait(self, gateway: SweepingGateway) -> None:
        gateway.told = [[gateway.point(1)], [], [gateway.point(0)]]
        sweep = lb.map(fit, [1, 2])
        assert sweep.result(partial=True) == [None, 1]
        assert sweep.result() == [0, 1]

    def test_a_time_out_says_how_far_it_is(self, gateway: SweepingGateway) -> None:
        gateway.told = [[gateway.point(1)], [], [], []]
        with pytest.raises(errors.WaitTimeout, match="1 of 2 points"):
            lb.map(fit, [1, 2]).wait(timeout=0)

    def test_jobs_come_as_they_end(self, gateway: SweepingGateway) -> None:
        gateway.told = [[gateway.point(1)], [gateway.point(0)]]
        sweep = lb.map(fit, [1, 2])
        assert [job.document["point"] for job in sweep.as_completed()] == [1, 0]
        assert sweep[-1].result() == 1
        with pytest.raises(IndexError, match="no point 2"):
            sweep[2]

    def test_progress_is_told_when_asked_for(self, gateway: SweepingGateway, capsys: pytest.CaptureFixture) -> None:
        gateway.told = [[gateway.point(1)], [gateway.point(0)]]
        lb.map(fit, [1, 2]).wait(progress=True)
        assert capsys.readouterr().err == "\r1 of 2 points\r2 of 2 points\n"

    def test_and_not_in_scripts(self, gateway: SweepingGateway, capsys: pytest.CaptureFixture) -> None:
        gateway.told = [[gateway.point(0)]]
        lb.map(fit, [1]).wait()
        assert capsys.readouterr().err == ""


class TestFrames:
    def test_scalars_are_a_column_beside_what_varied_and_what_was_measured(self, gateway: SweepingGateway) -> None:
        gateway.told = [[gateway.point(1, metrics={"loss": 0.5}), gateway.point(0, metrics={"loss": "NaN"})]]
        frame = lb.map(fit, [7, 8], depth=lb.each([1, 2])).frame()
        assert list(frame.columns) == ["point", "x", "depth", "state", "seconds", "result", "loss"]
        assert frame["result"].tolist() == [0, 1]
        assert frame["x"].tolist() == [7, 8]
        assert frame["loss"].isna().tolist() == [True, False]

    def test_results_by_name_are_columns_and_errors_are_told(self, gateway: SweepingGateway) -> None:
        named = {"kind": "list", "shape": "dict", "items": [["rmse", whole(0.5, "float")], ["x", whole(9)]]}
        failed = {"state": "failed", "cause": "error", "error": ERROR, "result": None}
        point = gateway.point(1) | failed
        gateway.told = [[gateway.point(0, named), point]]
        frame = lb.map(fit, [7, 8]).frame()
        assert list(frame.columns) == ["point", "x", "state", "seconds", "rmse", "result_x", "error"]
        assert frame["error"].tolist()[1] == "ValueError: no"

    def test_points_that_have_not_ended_say_so(self, gateway: SweepingGateway) -> None:
        gateway.told = [[gateway.point(0)], [], []]
        frame = lb.map(fit, [7, 8]).frame(partial=True)
        assert frame["state"].tolist() == ["succeeded", "not ended"]

    def test_a_sweep_of_another_script_tells_what_varied(self, gateway: SweepingGateway) -> None:
        gateway.total = 1
        items = [["x", {"kind": "each", "column": 0}]]
        gateway.job(1, state="succeeded", points=gateway.counts(1), values={"items": items})
        gateway.told = [[gateway.point(0) | {"values": [whole(42)]}]]
        sweep = lb.get("job_0000000000000001")
        assert isinstance(sweep, lb.Sweep)
        assert sweep.frame()["x"].tolist() == [42]


def test_it_reads_as_one_line_and_as_html(gateway: SweepingGateway) -> None:
    sweep = lb.map(fit, [1, 2])
    assert repr(sweep).startswith("<Sweep fit job_0000000000000001 running 1.5 s 2 points")
    assert "2 points" in sweep._repr_html_()


def test_a_job_is_run_again_under_a_key_of_its_own(gateway: SweepingGateway, connected: Client) -> None:
    job = lb.submit(fit, 1)
    gateway.faults = [answer({"job": gateway.job(5), "cursor": 3}, 201)]
    assert job.rerun().id == "job_0000000000000005"
    (seen,) = gateway.sent("POST", f"/jobs/{job.id}/rerun")
    assert len(seen.headers["Idempotency-Key"]) == 32
