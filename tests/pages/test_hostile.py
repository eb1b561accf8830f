"""What a job says and makes is text on its page, and never active: in a browser that would run it."""

from __future__ import annotations

import json

import pytest

from tests.gateway.conftest import source_task
from tests.pages.conftest import AT, ERROR, FRAME, add

pytestmark = pytest.mark.browser

MARKS = "<script>document.title='taken'</script><img src=x onerror=\"document.title='taken'\">{{7*7}}${7*7}{%x%}"
ACTIVE = {
    "page.html": "<!doctype html><title>made by a job</title><script>document.title='taken'</script>",
    "picture.svg": '<svg xmlns="http://www.w3.org/2000/svg" onload="document.title=\'taken\'"><foreignObject/></svg>',
    "page.xhtml": '<html xmlns="http://www.w3.org/1999/xhtml"><script>alert(1)</script></html>',
    "styled.xml": '<?xml version="1.0"?><?xml-stylesheet href="x.xsl" type="text/xsl"?><x/>',
    "paper.pdf": "%PDF-1.7\n",
    "both.png": "\x89PNG\r\n\x1a\n<script>document.title='taken'</script>",
    "index.html": "<script>document.title='taken'</script>",
    "notes.md": "[x](javascript:document.title='taken') <script>document.title='taken'</script>",
    "without": "<html><script>document.title='taken'</script></html>",
}
ESCAPES = b"\x1b[31mred\x1b[0m \x1b]8;;http://evil.example\x07link\x1b]8;;\x07 \x1b]0;title\x07\x1b[2J\x00\xff end\n"


def told(name, about):
    return {"event": name, "at": AT} | about


@pytest.fixture(scope="module")
def jobs(site):
    """One that succeeded and one that failed, with marks wherever text may stand, and files that would run."""
    made = add(site, source_task(name=MARKS, experiment=MARKS, tags={MARKS: MARKS}))
    attempt = site.road.started()
    folder = site.road.folder(attempt)
    (folder.objects / "result.arrow").write_bytes(b"ARROW1")
    for name, text in ACTIVE.items():
        (folder.files / name).write_bytes(text.encode("latin-1"))
    events = [
        told("metric", {"name": MARKS, "value": 1.0, "step": 1}),
        told("param", {"name": MARKS, "value": MARKS}),
        told("tag", {"name": f"own {MARKS}", "value": MARKS}),
        told("warning", {"message": MARKS, "category": MARKS}),
        told("message", {"text": MARKS}),
        *(
            told("file", {"name": name, "file": f"files/{name}", "media_type": "text/html", "size": len(text)})
            for name, text in ACTIVE.items()
        ),
    ]
    folder.events.write_text("".join(json.dumps(event) + "\n" for event in events))
    folder.log("stdout").write_bytes(MARKS.encode() + b"\n" + ESCAPES)
    columns = [{"name": MARKS, "type": "string", "verdict": "lossy", "reason": MARKS}]
    frame = FRAME | {"columns": columns, "preview": [[MARKS]], "descriptor": {"class": "data.frame", "names": [MARKS]}}
    site.road.leave(attempt, result=frame)
    site.road.exit(attempt, 0)
    failed = add(site, source_task(name="fails"))
    attempt = site.road.started()
    frame = {"function": MARKS, "file": MARKS, "line": 1, "source": [[1, MARKS]], "ours": False}
    site.road.leave(attempt, error=ERROR | {"type": MARKS, "message": MARKS, "frames": [frame]})
    site.road.exit(attempt, 0)
    return made, failed


def is_text(page, least):
    """The marks stand there as they were written, and nothing of them has become an element or has run."""
    assert page.inner_text("body").count(MARKS) >= least
    assert page.locator("img[src='x']").count() == 0
    assert page.locator("script", has_text="taken").count() == 0
    assert page.title() != "taken"
    assert "49" not in page.inner_text("h1")


@pytest.mark.row("UI1", "UI8", "UI15")
def test_what_a_job_says_is_text(site, signed_in, jobs):
    made, failed = jobs
    signed_in.goto(f"{site.url}/jobs/{made}")
    for folded in signed_in.locator("details:not([open]) > summary").all():
        folded.click()
    # Name, experiment, tags, parameter, metric, warning, column, its reason, cell, log.
    is_text(signed_in, 10)
    signed_in.goto(f"{site.url}/jobs/{failed}")
    is_text(signed_in, 4)
    signed_in.goto(f"{site.url}/jobs")
    is_text(signed_in, 1)


@pytest.mark.row("UI2", "UI3", "UI4", "UI5", "UI6", "PA11")
@pytest.mark.parametrize("name", ACTIVE)
def test_a_file_that_a_browser_would_run_is_a_download(site, signed_in, jobs, name):
    record = signed_in.request.get(f"{site.url}/api/v1/jobs/{jobs[0]}/record").json()
    place = next(file["object"] for file in record["files"] if file["name"] == name)
    answer = signed_in.request.get(f"{site.url}/api/v1/objects/{place}")
    assert answer.headers["content-disposition"].startswith("attachment")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in answer.headers["content-security-policy"]
    # Not what the job said that it is.
    assert answer.headers["content-type"].split(";")[0] in ("application/octet-stream", "image/png")
    with signed_in.expect_download() as download:
        signed_in.evaluate("address => { location.href = address }", f"{site.url}/api/v1/objects/{place}")
    assert download.value.suggested_filename == name
    assert signed_in.title() != "taken"


@pytest.mark.row("UI9", "LG4")
def test_a_log_with_escapes_and_bytes_that_are_no_text_is_shown_without_them(site, signed_in, jobs):
    signed_in.goto(f"{site.url}/jobs/{jobs[0]}")
    for folded in signed_in.locator("details:not([open]) > summary").all():
        folded.click()
    shown = signed_in.inner_text("body")
    assert "red link" in shown
    assert "end" in shown
    assert not {"\x1b", "\x07", "\x00"} & set(shown)
    assert "evil.example" not in shown
    assert signed_in.locator("a[href*='evil.example']").count() == 0
    # The bytes themselves are kept.
    assert ESCAPES in signed_in.request.get(f"{site.url}/api/v1/jobs/{jobs[0]}/log").body()
