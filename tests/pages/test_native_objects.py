"""What the page shows of an object that only its own language can open."""

from __future__ import annotations

import base64

import pytest
from playwright.sync_api import expect

from tests.gateway.conftest import source_task
from tests.pages.conftest import add, screenshot_folder

pytestmark = pytest.mark.browser
# One grey pixel.
PNG = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNoAAAAggCBd81ytgAAAABJRU5ErkJggg==")
MODEL = {
    "kind": "native",
    "object": "new:model.rds",
    "language": "r",
    "codec": "rds",
    "class": ["lm"],
    "summary": {
        "text": "a <b>model</b>",
        "facts": {
            "formula": "y ~ x",
            "n": 50,
            "coefficients": {"(Intercept)": 1.5, "x": None},
            "class": ["<i>lm</i>", 2],
        },
        "picture": "new:plot.png",
    },
}


def test_an_object_shows_its_facts_and_its_picture(site, signed_in):
    job = add(site, source_task(name="draw"))
    attempt = site.road.started()
    folder = site.road.folder(attempt)
    (folder.objects / "model.rds").write_bytes(b"RDS")
    (folder.objects / "plot.png").write_bytes(PNG)
    site.road.leave(attempt, result=MODEL)
    site.road.exit(attempt, 0)
    signed_in.goto(f"{site.url}/jobs/{job}")
    result = signed_in.locator("section", has=signed_in.get_by_role("heading", name="Result"))
    expect(result).to_contain_text("a <b>model</b>")
    facts = result.locator("dl.pairs")
    assert facts.locator("dt").all_inner_texts() == ["formula", "n", "coefficients", "class"]
    assert facts.locator("dd").all_inner_texts() == ["y ~ x", "50", "(Intercept) 1.5, x NA", "<i>lm</i>, 2"]
    picture = result.get_by_role("img", name="What the R object of class lm draws of itself")
    picture.scroll_into_view_if_needed()
    expect(picture).to_have_js_property("complete", True)
    expect(picture).to_have_js_property("naturalWidth", 1)
    signed_in.screenshot(path=screenshot_folder() / "native.png", full_page=True)
