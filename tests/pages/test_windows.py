"""However much a job logs and returns, its page shows a window of it, says how much there is, and stays small."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.gateway.conftest import source_task
from tests.pages.conftest import AT, add, screenshot_folder

pytestmark = [pytest.mark.browser, pytest.mark.row("UI10")]

MEGABYTE = 1024**2
LOG, COLUMNS, ROWS = 100 * MEGABYTE, 10_000, 1_000_000
MOST_MEMORY = 200 * MEGABYTE
LINE = b"2026-11-23T10:00:00 epoch 17 of 200, loss 0.693147, 10,240 rows seen so far in this pass of the data"


def wide_frame(rows: int = ROWS, columns: int = COLUMNS) -> dict:
    """What a worker tells of such a table: all of its columns, ten rows and fifty columns of its cells."""
    named = [f"measurement of the sensor number {number}" for number in range(columns)]
    return {
        "kind": "frame",
        "object": "new:result.arrow",
        "rows": rows,
        "columns": [
            {"name": name, "type": "double"}
            | ({"verdict": "lossy", "reason": "decimals are doubles in R"} if position % 2 else {"verdict": "exact"})
            for position, name in enumerate(named)
        ],
        "descriptor": {"class": "tbl_df", "names": named, "rows": rows},
        "preview": [[f"{row * 50 + column}.25" for column in range(50)] for row in range(10)],
    }


def ended(site, result: dict, events: list[dict] = (), log: bytes = b"") -> str:
    job = add(site, source_task(name="read all sensors"))
    attempt = site.road.started()
    folder = site.road.folder(attempt)
    (folder.objects / "result.arrow").write_bytes(b"ARROW1")
    folder.events.write_text("".join(json.dumps({"at": AT} | event) + "\n" for event in events))
    with folder.log("stdout").open("wb") as stream:
        stream.write(log)
    site.road.leave(attempt, result=result)
    site.road.exit(attempt, 0)
    assert site.services.jobs.get(job, None)["state"] == "succeeded"
    return job


@pytest.fixture(scope="module")
def large(site):
    """The job of the row: a log of 100 MB, a table of a million rows and ten thousand columns, verdicts on each."""
    told = [
        {
            "event": "fidelity",
            "value": "result",
            "columns": [
                {"name": column["name"], "verdict": "equal", "reason": "read as text"}
                for column in wide_frame()["columns"]
            ],
        }
    ]
    lines = (LINE + b"\n") * (LOG // (len(LINE) + 1)) + b"the very last line\n"
    return ended(site, wide_frame(), told, lines)


def memory(browser: Browser, page: Page) -> dict[str, int]:
    """What the page holds: its scripts' objects and its nodes, and what its process shares with no other."""
    session = page.context.new_cdp_session(page)
    session.send("HeapProfiler.collectGarbage")
    session.send("Performance.enable")
    metrics = {one["name"]: one["value"] for one in session.send("Performance.getMetrics")["metrics"]}
    whole = browser.new_browser_cdp_session()
    processes = whole.send("SystemInfo.getProcessInfo")["processInfo"]
    renderers = [held(process["id"]) for process in processes if process["type"] == "renderer"]
    whole.detach()
    session.detach()
    return {"heap": int(metrics["JSHeapUsedSize"]), "nodes": int(metrics["Nodes"]), "process": max(renderers)}


def held(process: int) -> int:
    """A process' proportional share of memory, in bytes."""
    rollup = Path(f"/proc/{process}/smaps_rollup").read_text()
    return 1024 * int(next(line.split()[1] for line in rollup.splitlines() if line.startswith("Pss:")))


def test_a_page_of_much_is_a_window(site, browser, signed_in, large):
    address = f"{site.url}/jobs/{large}"
    html = signed_in.request.get(address).body()
    assert len(html) < MEGABYTE
    signed_in.goto(address)
    table = signed_in.locator("table.frame")
    assert table.locator("thead th").count() == 50
    assert table.locator("tbody td").count() == 500
    expect(table.locator("caption")).to_have_text("First 10 of 1,000,000 rows, first 50 of 10,000 columns")
    result = signed_in.locator("section", has=signed_in.get_by_role("heading", name="Result"))
    expect(result).to_contain_text("1,000,000 rows, 10,000 columns")
    expect(result).to_contain_text("This is a window: the Arrow file has the whole table.")
    expect(result.get_by_role("link", name="Arrow file")).to_have_attribute(
        "href", "/api/v1/objects/" + object_of(site, large)
    )
    log = signed_in.get_by_role("log", name="stdout")
    assert log.inner_text().rstrip().endswith("the very last line")
    assert log.inner_text().count("\n") <= 200
    logs = signed_in.locator("section", has=signed_in.get_by_role("heading", name="Logs"))
    expect(logs).to_contain_text("of 100.0 MiB")
    # What is long scrolls in its own place, so that the page is a few screens high.
    assert signed_in.evaluate("document.documentElement.scrollHeight") < 4000
    signed_in.screenshot(path=screenshot_folder() / "window-of-much.png", full_page=True)
    found = memory(browser, signed_in)
    print(found, len(html))
    assert found["heap"] < 20 * MEGABYTE
    assert found["nodes"] < 10_000
    assert found["process"] < MOST_MEMORY


def object_of(site, job):
    return site.services.jobs.get(job, None)["result"]["object"]


def test_the_whole_log_is_a_download_of_all_its_bytes(site, browser, signed_in, large):
    signed_in.goto(f"{site.url}/jobs/{large}")
    with signed_in.expect_download() as download:
        signed_in.get_by_role("link", name="whole, 100.0 MiB").click()
    path = Path(download.value.path())
    assert download.value.suggested_filename == f"{large}.stdout.txt"
    assert path.stat().st_size == (LOG // (len(LINE) + 1)) * (len(LINE) + 1) + len(b"the very last line\n")
    assert path.read_bytes().endswith(b"\nthe very last line\n")
    assert memory(browser, signed_in)["process"] < MOST_MEMORY


def test_a_short_log_is_shown(site, signed_in):
    job = ended(site, {"kind": "null"}, log=b"a line\n")
    answer = signed_in.goto(f"{site.url}/jobs/{job}/stdout.txt")
    assert "content-disposition" not in answer.headers
    assert answer.text() == "a line\n"


def test_one_line_of_much_is_cut_too(site, browser, signed_in):
    job = ended(site, {"kind": "null"}, log=b"x" * (20 * MEGABYTE))
    signed_in.goto(f"{site.url}/jobs/{job}")
    assert len(signed_in.get_by_role("log", name="stdout").inner_text()) == 256 * 1024
    assert memory(browser, signed_in)["process"] < MOST_MEMORY


def nested(depth: int) -> dict:
    if depth == 0:
        return {"kind": "vector", "type": "str", "n": 30, "values": ["x" * 240] * 30, "container": "list"}
    return {
        "kind": "list",
        "shape": "list",
        "items": [[None, nested(depth - 1)] for _ in range(50 if depth > 1 else 3)],
    }


LONG_TEXTS = {
    "kind": "list",
    "shape": "list",
    "items": [[None, {"kind": "scalar", "type": "str", "value": "y" * 5000}]] * 50,
}


def many_frames() -> dict:
    frame = wide_frame(columns=60) | {"rows": 10}
    return {"kind": "list", "shape": "list", "items": [[f"frame {number}", frame] for number in range(300)]}


@pytest.mark.parametrize(
    "result",
    [
        nested(3),
        many_frames(),
        {"kind": "scalar", "type": "str", "value": "long " * MEGABYTE},
        {"kind": "list", "shape": "list", "items": [[None, LONG_TEXTS]] * 50},
        wide_frame() | {"columns": [{"name": "n" * MEGABYTE, "type": "double"}], "preview": [["x" * 200]] * 10},
    ],
    ids=["lists in lists of long texts", "many frames", "a long text", "long texts", "a long name"],
)
def test_however_a_result_is_large_its_page_is_not(site, browser, signed_in, result):
    job = ended(site, result)
    address = f"{site.url}/jobs/{job}"
    assert len(signed_in.request.get(address).body()) < 2 * MEGABYTE
    signed_in.goto(address)
    found = memory(browser, signed_in)
    print(found)
    assert found["nodes"] < 30_000
    assert found["process"] < MOST_MEMORY


def test_so_many_of_everything_else_too(site, browser, signed_in):
    """Metrics, parameters, files' and saved values: what comes beyond the first two hundred is counted."""
    events = [
        *({"event": "metric", "name": f"loss {number}", "value": 1.0, "step": 1} for number in range(1000)),
        *({"event": "param", "name": f"depth {number}", "value": "x" * 1000} for number in range(1000)),
        *(
            {"event": "artifact", "name": f"part {number}", "value": {"kind": "scalar", "type": "int", "value": 1}}
            for number in range(1000)
        ),
    ]
    job = ended(site, {"kind": "null"}, events)
    signed_in.goto(f"{site.url}/jobs/{job}")
    for what in ("metrics", "parameters", "values"):
        expect(signed_in.locator("main")).to_contain_text(f"800 more {what} are not shown")
    assert memory(browser, signed_in)["nodes"] < 30_000
