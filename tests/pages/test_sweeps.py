"""A sweep's page: how far it is, its points with what varies and what came of it, and the way to each."""

from __future__ import annotations

import pytest
from landbridge_gateway.web.app import create_app
from playwright.sync_api import expect

from tests.gateway.conftest import NULL, source_task
from tests.gateway.test_sweeps import ERROR, Worker, batch, column
from tests.pages.conftest import screenshot_folder

pytestmark = pytest.mark.browser


@pytest.fixture
def sweep(site):
    """A sweep of 250 points, half of which have ended; nothing is left behind for other pages."""
    client = create_app(site.services).test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {site.services.home.token()}"
    body = batch(column(*range(250)), column(*"ab" * 125, type="str"), task=source_task(name="fit depths"))
    made = client.post("/api/v1/jobs/batch", json=body).json["job"]["id"]
    site.road.step()
    worker = Worker(site.road, site.road.commands.take("start")["attempt"])
    site.road.tell("started", attempt=worker.attempt, image="sha256:p")
    for point in worker.points[:120]:
        worker.begin(point)
        worker.write("metric", point=point, name="loss", value=1 / (point + 1), step=None)
        outcome = {"error": ERROR} if point == 7 else {"result": {"kind": "scalar", "type": "float", "value": 0.5}}
        worker.write("outcome", point=point, **outcome)
    worker.begin(120)
    worker.tell()
    yield made
    client.post(f"/api/v1/jobs/{made}/cancel")
    site.road.step()
    for attempt in list(site.services.scheduler._flights):
        if attempt.startswith(made):
            site.road.leave(attempt, result=NULL)
            site.road.exit(attempt, 0)
    site.road.step()
    assert site.road.job(made)["state"] == "cancelled"


def test_its_points_are_listed_by_state_and_by_page(site, signed_in, sweep):
    signed_in.goto(f"{site.url}/jobs/{sweep}")
    points = signed_in.locator("section", has=signed_in.get_by_role("heading", name="Points"))
    expect(points).to_contain_text("120 of 250 have ended")
    expect(points.locator("thead th")).to_have_text(["point", "state", "x0", "x1", "result", "loss", "took"])
    expect(points.locator("tbody tr")).to_have_count(50)
    expect(points.locator("tbody tr").nth(7)).to_contain_text("ValueError: no")
    signed_in.screenshot(path=screenshot_folder() / "sweep.png", full_page=True)
    points.get_by_role("link", name="Next points").click()
    expect(points.locator("tbody tr").first).to_contain_text("50")
    points.get_by_role("link", name="failed").click()
    expect(points.locator("tbody tr")).to_have_count(1)


def test_a_point_leads_back_to_its_sweep(site, signed_in, sweep):
    signed_in.goto(f"{site.url}/jobs/{sweep}?state=failed")
    signed_in.get_by_role("link", name="7", exact=True).click()
    expect(signed_in.locator("p.facts").first).to_contain_text("point 7 of a sweep")
    expect(signed_in.get_by_role("heading", name="Error")).to_be_visible()
    signed_in.get_by_role("link", name="a sweep").click()
    expect(signed_in).to_have_url(f"{site.url}/jobs/{sweep}")


def test_the_list_shows_it_as_one_job_with_how_far_it_is(site, signed_in, sweep):
    signed_in.goto(f"{site.url}/jobs?text=fit+depths")
    newest = signed_in.locator("table.jobs tbody tr").first
    expect(newest.get_by_role("link")).to_have_attribute("href", f"/jobs/{sweep}")
    expect(newest).to_contain_text("sweep, 120 of 250")


def test_a_state_that_is_none_is_refused_by_name(site, signed_in, sweep):
    answer = signed_in.request.get(f"{site.url}/jobs/{sweep}.json?state=happy")
    assert answer.status == 400
    assert "`happy` is not a state" in answer.text()
