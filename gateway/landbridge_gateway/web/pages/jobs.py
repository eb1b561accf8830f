"""The list of jobs: what is shown stands in the query string, so an address can be mailed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, render_template, request

from landbridge_gateway.model import Json
from landbridge_gateway.store.listing import FACETS, SORTS, JobQuery, facets, list_jobs
from landbridge_gateway.warden.pool import slots_in_words
from landbridge_gateway.web import present
from landbridge_gateway.web.access import READ, access, sees
from landbridge_gateway.web.api.jobs import query_from_request
from landbridge_gateway.web.services import services

blueprint = Blueprint("pages_jobs", __name__)
_FILTERS = ("state", "language", "experiment", "tag", "text")
_COLUMNS = ("state", "name", "language", "experiment", "submitted", "seconds")
_HEADINGS = {"seconds": "took"}  # which tells its unit in each row


@dataclass(frozen=True)
class Link:
    label: str
    href: str
    count: int | None = None


@blueprint.get("/jobs")
@access(READ)
def page() -> str:
    here, query = services(), query_from_request()
    rows, following = list_jobs(here.database, sees(), query, here.signing_key)
    jobs = present.briefs(here, rows)
    return render_template(
        "jobs.html",
        jobs=jobs,
        metrics=here.records.latest_metrics([job["id"] for job in jobs]),
        sweeps=here.sweeps.progress([job["id"] for job in jobs]),
        query=query,
        columns=[_column(name, query) for name in _COLUMNS],
        chosen=_chosen(),
        facets=_facets(facets(here.database, sees(), query)),
        following=_address(page=following) if following else None,
        first=_address(page=None) if query.page else None,
        kept=[(name, value) for name, value in request.args.items(multi=True) if name not in ("text", "page")],
        pool=slots_in_words(here.scheduler.pool),
        twin=_address().replace("/jobs", "/jobs.json", 1),
        cursor=here.jobs.cursor(),
        live=any(job["ended"] is None for job in jobs),
    )


@blueprint.get("/jobs.json")
@access(READ)
def twin() -> Json:
    here = services()
    rows, following = list_jobs(here.database, sees(), query_from_request(), here.signing_key)
    return {"jobs": present.briefs(here, rows), "next": following}


def _address(**changes: Any) -> str:
    """This page's address with some fields set, or dropped when None; the page token never outlives a change."""
    fields = [(name, value) for name, value in request.args.items(multi=True) if name not in (*changes, "page")]
    fields += [(name, value) for name, value in changes.items() if value is not None]
    return "/jobs" + (f"?{urlencode(fields)}" if fields else "")


def _column(name: str, query: JobQuery) -> dict[str, Any]:
    current = query.sort.lstrip("-") == name
    descending = query.sort.startswith("-")
    target = name if (current and descending) else f"-{name}"
    order = ("descending" if descending else "ascending") if current else None
    heading = _HEADINGS.get(name, name)
    return {"heading": heading, "href": _address(sort=target), "order": order, "sortable": name in SORTS}


def _chosen() -> list[Link]:
    """One link for each filter in force: following it removes the filter."""
    links = []
    for name, value in request.args.items(multi=True):
        if name in _FILTERS and value:
            rest = [pair for pair in request.args.items(multi=True) if pair != (name, value) and pair[0] != "page"]
            links.append(Link(f"{name}: {value}", "/jobs" + (f"?{urlencode(rest)}" if rest else "")))
    return links


def _facets(counts: dict[str, list[Any]]) -> dict[str, list[Link]]:
    return {
        name: [
            Link(row["value"], _address(**{name: row["value"]}), row["count"])
            for row in counts[name]
            if row["value"] not in request.args.getlist(name)
        ]
        for name in FACETS
    }
