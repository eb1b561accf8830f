"""What the page says of each column of a job's tables: exact, equal or lossy, with the reason."""

from __future__ import annotations

import json
from typing import Any

import pytest
from landbridge_gateway.web.app import create_app
from playwright.sync_api import expect

from tests.gateway.conftest import source_task
from tests.pages.conftest import AT, add, screenshot_folder

pytestmark = pytest.mark.browser

CLASS = "its class `haven_labelled` is kept for R only"
FINER = "its times are finer than nanoseconds, and cross within one"
DIGITS = "decimals of more than 15 digits are doubles in R"


def frame(reference: str, columns: list[dict[str, str]]) -> dict[str, Any]:
    names = [column["name"] for column in columns]
    return {
        "kind": "frame",
        "object": reference,
        "rows": 1,
        "columns": columns,
        "descriptor": {"class": "tbl_df", "names": names, "rows": 1},
        "preview": [["1"] * min(len(columns), 50)],
    }


def column(name: str, kind: str, verdict: str = "exact", reason: str = "") -> dict[str, str]:
    # Nothing said is exact.
    return {"name": name, "type": kind} | ({"verdict": verdict, "reason": reason} if reason else {})


def uploaded(site) -> str:
    client = create_app(site.services).test_client()
    headers = {"Authorization": f"Bearer {site.services.home.token()}"}
    answer = client.post("/api/v1/objects?format=arrow&name=a.arrow", data=b"ARROW1", headers=headers)
    return str(answer.json["object"]["id"])


def finished(site, result: dict[str, Any], *items: Any, told: list[dict[str, Any]] = ()) -> str:
    """A job that told of these verdicts on what it was given, and left this result."""
    job = add(site, source_task(name="score answers"), *items)
    attempt = site.road.started()
    folder = site.road.folder(attempt)
    (folder.objects / "result.arrow").write_bytes(b"ARROW1")
    folder.events.write_text("".join(json.dumps({"at": AT, "event": "fidelity"} | event) + "\n" for event in told))
    site.road.leave(attempt, result=result)
    site.road.exit(attempt, 0)
    return job


def became(page):
    return page.locator("section", has=page.get_by_role("heading", name="What the tables became"))


def test_each_column_has_its_verdict_and_its_reason(site, signed_in):
    survey = frame(
        uploaded(site),
        [column("id", "int32"), column("answer", "double"), column("at", "timestamp[ns, tz=UTC]", "lossy", FINER)],
    )
    result = frame("new:result.arrow", [column("id", "int64"), column("price", "decimal128(20, 2)", "lossy", DIGITS)])
    told = {"value": "survey", "columns": [{"name": "answer", "verdict": "equal", "reason": CLASS}]}
    job = finished(site, result, ["survey", survey], told=[told])
    signed_in.goto(f"{site.url}/jobs/{job}")
    rows = became(signed_in).locator("tbody tr").all()
    assert [row.locator("th, td").all_inner_texts() for row in rows] == [
        ["survey", "at", "sent", "lossy", FINER],
        ["result", "price", "sent", "lossy", DIGITS],
        ["survey", "answer", "received", "equal", CLASS],
    ]
    # A column that was sent as it is and changed where it was received is not called exact.
    expect(became(signed_in).locator("summary")).to_have_text("2 other columns are exact.")
    exact = became(signed_in).locator("dl.exact")
    assert exact.locator("dt").all_inner_texts() == ["survey", "result"]
    assert exact.locator("dd").all_inner_texts() == ["id", "id"]
    signed_in.screenshot(path=screenshot_folder() / "verdicts.png", full_page=True)
    signed_in.set_viewport_size({"width": 390, "height": 800})
    assert signed_in.evaluate("document.documentElement.scrollWidth") <= 390
    for row in rows:
        # The whole reason is seen, without scrolling sideways.
        reason = row.locator("td").last.bounding_box()
        assert reason["x"] + reason["width"] <= 390
    signed_in.screenshot(path=screenshot_folder() / "verdicts-narrow.png", full_page=True)


def test_tables_without_any_change_say_so(site, signed_in):
    inner = frame("new:result.arrow", [column("<b>x</b>", "int32"), column("y", "double")])
    result = {"kind": "list", "shape": "dict", "items": [["clean", inner]]}
    signed_in.goto(f"{site.url}/jobs/{finished(site, result)}")
    expect(became(signed_in).locator("table")).to_have_count(0)
    expect(became(signed_in).locator("summary")).to_have_text("Every column is exact (2).")
    assert became(signed_in).locator("dt, dd").all_inner_texts() == ["result.clean", "<b>x</b>, y"]


def test_many_columns_are_counted_and_folded(site, signed_in):
    columns = [column(f"x{number}", "double", "lossy", DIGITS) for number in range(203)]
    columns += [column(f"y{number}", "double") for number in range(250)]
    signed_in.goto(f"{site.url}/jobs/{finished(site, frame('new:result.arrow', columns))}")
    expect(became(signed_in).locator("tbody tr")).to_have_count(200)
    expect(became(signed_in)).to_contain_text("3 more verdicts are not shown")
    folded = became(signed_in).locator("details")
    expect(folded.locator("dd")).not_to_be_visible()
    folded.locator("summary").click()
    expect(folded.locator("dd")).to_contain_text("y199, and 50 more")
    signed_in.screenshot(path=screenshot_folder() / "verdicts-many.png")
