"""A session's page: its jobs, its end, and the way there from each of them."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.gateway.conftest import source_task
from tests.pages.conftest import add, screenshot_folder

pytestmark = pytest.mark.browser


@pytest.fixture
def held(site):
    """A session that runs, and a job in it; nothing is left behind for other pages."""
    session = add(site, {"language": "python", "function": {"type": "session"}, "name": "at work"})
    site.road.step()
    attempt = site.road.commands.take("start")["attempt"]
    site.road.tell("started", attempt=attempt, image="sha256:p")
    call = add(site, source_task(session=session, name="look"))
    site.road.step()
    yield session, call
    site.road.exit(attempt, 0)
    site.road.step()


def test_its_jobs_are_listed_and_lead_back(site, signed_in, held):
    session, call = held
    signed_in.goto(f"{site.url}/jobs/{session}")
    jobs = signed_in.locator("section", has=signed_in.get_by_role("heading", name="Jobs in it"))
    expect(jobs.locator("tbody tr")).to_have_count(1)
    expect(jobs).to_contain_text("running")
    expect(signed_in.get_by_role("heading", name="Code")).to_have_count(0)
    signed_in.screenshot(path=screenshot_folder() / "session.png", full_page=True)
    jobs.get_by_role("link", name="look").click()
    expect(signed_in).to_have_url(f"{site.url}/jobs/{call}")
    signed_in.get_by_role("link", name="a session").click()
    expect(signed_in).to_have_url(f"{site.url}/jobs/{session}")


def test_it_is_ended_from_its_page(site, signed_in, held):
    session, _ = held
    signed_in.goto(f"{site.url}/jobs/{session}")
    signed_in.get_by_role("button", name="End this session after its jobs").click()
    expect(signed_in).to_have_url(f"{site.url}/jobs/{session}")
    assert site.services.jobs.end_requested(session)
