"""What people see: the list of jobs and one job, light and dark, with and without scripts."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.gateway.conftest import NULL, source_task
from tests.pages.conftest import add, contrast, screenshot_folder

pytestmark = pytest.mark.browser


def test_the_list_shows_state_name_and_metrics(site, signed_in):
    expect(signed_in).to_have_title("Jobs · Landbridge")
    row = signed_in.locator("table.jobs tbody tr", has_text="fit delays")
    expect(row).to_contain_text("succeeded")
    expect(row).to_contain_text("Python")
    expect(row).to_contain_text("loss 0.0344828")
    expect(signed_in.locator("table.jobs tbody tr", has_text="slow")).to_contain_text("running")
    signed_in.screenshot(path=screenshot_folder() / "jobs.png", full_page=True)


def test_filters_stand_in_the_address_and_can_be_removed(site, signed_in):
    signed_in.locator(".facets a", has_text="failed").click()
    expect(signed_in).to_have_url(f"{site.url}/jobs?state=failed")
    expect(signed_in.locator("table.jobs tbody tr")).to_have_count(1)
    signed_in.locator(".chosen a").click()
    expect(signed_in).to_have_url(f"{site.url}/jobs")
    signed_in.get_by_role("searchbox").fill("fit d")
    signed_in.get_by_role("button", name="Search").click()
    expect(signed_in).to_have_url(f"{site.url}/jobs?text=fit+d")
    expect(signed_in.locator("table.jobs tbody tr")).to_have_count(1)


def test_columns_are_sorted_by_their_links(site, signed_in):
    signed_in.get_by_role("link", name="name").click()
    expect(signed_in).to_have_url(f"{site.url}/jobs?sort=-name")
    names = signed_in.locator("table.jobs tbody td:nth-child(2)").all_inner_texts()
    assert names == sorted(names, reverse=True)
    expect(signed_in.locator("th[aria-sort=descending]")).to_have_text("name ↓")
    signed_in.get_by_role("link", name="took").click()
    expect(signed_in).to_have_url(f"{site.url}/jobs?sort=-seconds")
    expect(signed_in.locator("th[aria-sort=descending]")).to_have_text("took ↓")


def test_a_job_shows_its_result_record_and_environment(site, signed_in):
    signed_in.goto(f"{site.url}/jobs/{site.succeeded}")
    result = signed_in.locator("section", has=signed_in.get_by_role("heading", name="Result"))
    expect(result).to_contain_text("12,345 rows, 2 columns")
    expect(result).to_contain_text("<b>AA</b>")
    expect(result.locator("td .missing")).to_have_text("NA")
    expect(result.locator("thead th").nth(1)).to_contain_text("double")
    expect(result.locator("thead .verdict")).to_have_text("lossy")
    became = signed_in.locator("section", has=signed_in.get_by_role("heading", name="What the tables became"))
    expect(became.locator("tbody tr")).to_have_count(1)
    expect(became).to_contain_text("decimals are doubles")
    expect(became).to_contain_text("1 other column is exact")
    body = signed_in.locator("main")
    for told in ("loss", "depth", "stage", "careful", "line of output", "3.14.2", "def f():", "notes.txt", "sha256:"):
        expect(body).to_contain_text(told)
    expect(signed_in.locator("svg.curve")).to_have_attribute(
        "aria-label", "from 1 to 0.0344828, least 0.0344828, most 1"
    )
    with signed_in.expect_download() as download:
        result.get_by_role("link", name="Arrow file").click()
    assert download.value.path().read_bytes() == b"ARROW1"
    signed_in.screenshot(path=screenshot_folder() / "job.png", full_page=True)


def test_an_error_comes_first_with_its_line(site, signed_in):
    signed_in.goto(f"{site.url}/jobs/{site.failed}")
    first = signed_in.locator("main section").first
    expect(first).to_contain_text("TooDeep: depth 7 is too deep")
    expect(first.locator("pre .here")).to_contain_text("raise TooDeep(depth)")
    expect(first).not_to_contain_text("hidden()")
    signed_in.screenshot(path=screenshot_folder() / "failed.png", full_page=True)


def test_an_open_job_follows_by_itself(site, signed_in):
    job = add(site, source_task(name="followed"))
    attempt = site.road.started()
    signed_in.goto(f"{site.url}/jobs/{job}")
    expect(signed_in.locator("h1")).to_contain_text("running")
    with site.road.folder(attempt).log("stdout").open("a") as log:
        log.write("grown meanwhile\n")
    expect(signed_in.locator("pre[role=log]")).to_contain_text("grown meanwhile")
    site.road.leave(attempt, result=NULL)
    expect(signed_in.locator("h1")).to_contain_text("succeeded")
    site.road.exit(attempt, 0)
    assert signed_in.evaluate("document.body.dataset.live") == "no"


def test_a_job_is_cancelled_from_its_page(site, signed_in, monkeypatch):
    monkeypatch.setattr(site.services.scheduler.starting, "accept", lambda *_: None)  # it stands in line
    job = add(site, source_task(name="unwanted"))
    signed_in.goto(f"{site.url}/jobs/{job}")
    signed_in.get_by_role("button", name="Cancel this job").click()
    expect(signed_in.locator("h1")).to_contain_text("cancelled")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_has_contrast_in_both_schemes(site, signed_in, scheme):
    signed_in.emulate_media(color_scheme=scheme)
    for path in ("/jobs", f"/jobs/{site.failed}", f"/jobs/{site.succeeded}"):
        signed_in.goto(site.url + path)
        back = signed_in.evaluate("getComputedStyle(document.body).backgroundColor")
        for place in ("body", ".state", ".facts, .facet", "main a"):
            colour = signed_in.evaluate("(s) => getComputedStyle(document.querySelector(s)).color", place)
            assert contrast(colour, back) >= 4.5, (path, place, colour, back)
    signed_in.screenshot(path=screenshot_folder() / f"job-{scheme}.png", full_page=True)


def test_it_works_without_scripts_and_on_a_narrow_screen(site, browser):
    context = browser.new_context(java_script_enabled=False, viewport={"width": 390, "height": 800})
    page = context.new_page()
    page.goto(f"{site.url}/signin?code={site.services.tokens.new_link('owner')}")
    page.get_by_role("link", name="fit delays").click()
    expect(page.locator("h1")).to_contain_text("fit delays")
    width = page.locator("main").bounding_box()["width"]
    assert width <= 390
    context.close()


def test_the_keyboard_reaches_the_content_and_landmarks_are_there(site, signed_in):
    signed_in.keyboard.press("Tab")
    expect(signed_in.locator(":focus")).to_have_text("Skip to the content")
    signed_in.keyboard.press("Enter")
    expect(signed_in.locator("main")).to_be_focused()
    for role in ("banner", "main", "contentinfo"):
        expect(signed_in.get_by_role(role)).to_have_count(1)


def test_who_is_not_signed_in_can_paste_the_token(site, browser):
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{site.url}/jobs")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    page.get_by_label("Token").fill("lb_wrong")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_have_text("That is not one of this gateway's tokens.")
    page.get_by_label("Token").fill(site.services.home.token())
    page.get_by_role("button", name="Sign in").click()
    expect(page).to_have_url(f"{site.url}/jobs")
    context.close()
