"""What each call of the API takes and answers, for its description: by the names of the views.

What this says is held against the gateway by a test that makes calls up from it.
"""

from __future__ import annotations

from dataclasses import dataclass

from landbridge_gateway.depot.digests import ALGORITHMS
from landbridge_gateway.depot.logs import STREAMS
from landbridge_gateway.model import FORMATS, LONGEST_NAME, SECRET_NAME, Json, State
from landbridge_gateway.store.listing import MOST, MOST_CHOSEN, SORTS

IDS = {
    "job": r"^job_[0-9a-z]{16}$",
    "object_id": r"^obj_[0-9a-z]{16}$",
    "upload_id": r"^upl_[0-9a-z]{16}$",
    "name": SECRET_NAME if SECRET_NAME.startswith("^") else f"^{SECRET_NAME}$",
}
_TEXT: Json = {"type": "string", "maxLength": 2200}
_COUNT: Json = {"type": "integer", "minimum": 0, "maximum": 2**62}
_MOST_OBJECT = 2**40


def _whole(least: int, most: int) -> Json:
    return {"type": "integer", "minimum": least, "maximum": most}


def _one_of(*values: str) -> Json:
    return {"type": "string", "enum": list(values)}


def _many(items: Json, most: int = MOST_CHOSEN) -> Json:
    return {"type": "array", "items": items, "maxItems": most}


_WAIT: Json = {"type": "number", "minimum": 0}  # more than a minute is taken for one
_FORMAT, _NAME = _one_of(*FORMATS), {"type": "string", "minLength": 1, "maxLength": LONGEST_NAME}
_SORT = _one_of(*SORTS, *(f"-{name}" for name in SORTS))


@dataclass(frozen=True)
class Call:
    """``fields`` are those of the query, ``answers`` the required fields of a success by its status.

    ``body`` is a schema's name, or ``bytes``; ``errors`` are the refusals that are not everybody's.
    """

    answers: dict[int, tuple[str, ...]]
    fields: dict[str, Json] | None = None
    required: tuple[str, ...] = ()
    headers: tuple[str, ...] = ()
    body: str | None = None
    errors: tuple[int, ...] = ()
    media: str = "application/json"


_KEY, _DIGEST = ("Idempotency-Key",), ("Landbridge-Digest",)
_JOB, _ONE = ("job", "cursor"), (404,)
_SUBMITS = (404, 409, 413, 422, 429, 503, 507)
CALLS: dict[str, Call] = {
    "api_root.describe": Call({200: ("version", "protocol", "engine", "runtimes", "limits", "depot", "pool", "load")}),
    "api_openapi.describe": Call({200: ("openapi", "info", "paths", "components")}),
    "api_objects.store": Call(
        {201: ("object",)},
        {"format": _FORMAT, "name": _NAME, "intake": {"type": "string", "pattern": "^c_[0-9a-z]{16,40}$"}},
        headers=(*_DIGEST, "Landbridge-Nonce"),
        body="bytes",
        errors=(413, 422, 507),
    ),
    "api_objects.fetch": Call(
        {200: (), 206: (), 304: ()},
        {"digest": _one_of(*ALGORITHMS)},
        headers=("Range",),
        errors=(404, 409, 416),
        media="application/octet-stream",
    ),
    "api_objects.digest": Call({200: ("digest",)}, {"algorithm": _one_of(*ALGORITHMS)}, errors=(404, 409)),
    "api_uploads.begin": Call(
        {201: ("upload",)},
        {"format": _FORMAT, "name": _NAME, "size": _whole(1, _MOST_OBJECT), "digest": _one_of(*ALGORITHMS)},
        required=("size",),
        errors=(413, 422, 429, 507),
    ),
    "api_uploads.look": Call({200: ("upload",)}, errors=_ONE),
    "api_uploads.append": Call(
        {200: ("upload",)}, {"offset": _whole(0, _MOST_OBJECT)}, body="bytes", errors=(404, 409, 413, 422, 507)
    ),
    "api_uploads.end": Call({201: ("object",)}, headers=_DIGEST, errors=(404, 409, 422, 507)),
    "api_jobs.submit": Call({200: _JOB, 201: _JOB}, {"wait": _WAIT}, headers=_KEY, body="submission", errors=_SUBMITS),
    "api_jobs.listing": Call(
        {200: ("jobs", "next")},
        {
            "state": _many(_one_of(*State)),
            "language": _many(_TEXT),
            "experiment": _many(_TEXT),
            "tag": _many(_TEXT),
            "text": _TEXT,
            "sweep": _TEXT,
            "point": _COUNT,
            "sort": _SORT,
            "limit": _whole(1, MOST),
            "page": {"type": "string"},
        },
    ),
    "api_jobs.look": Call({200: _JOB}, errors=(404, 410)),
    "api_jobs.cancel": Call({200: _JOB}, errors=(404, 410)),
    "api_jobs.end": Call({200: _JOB}, errors=(404, 410)),
    "api_jobs.record": Call({200: ("metrics", "params", "tags", "files", "stages")}, errors=(404, 410)),
    "api_jobs.attempts": Call({200: ("attempts",)}, errors=(404, 410)),
    "api_jobs.log": Call(
        {200: ()},
        {
            "stream": _one_of(*STREAMS),
            "offset": _COUNT,
            "limit": _whole(1, 4 * 1024**2),
            "tail": _whole(1, 1_000_000),
            "wait": _WAIT,
            "attempt": _whole(1, 1000),
        },
        errors=(404, 410, 429),
        media="text/plain",
    ),
    "api_sweeps.batch": Call({200: _JOB, 201: _JOB}, headers=_KEY, body="batch", errors=_SUBMITS),
    "api_sweeps.points": Call(
        {200: ("points", "counts", "next", "ended")},
        {"after": _COUNT, "limit": _whole(1, 5000), "wait": _WAIT, "values": _one_of("no", "yes")},
        errors=(404, 410, 429),
    ),
    "api_sweeps.rerun": Call({200: _JOB, 201: _JOB}, headers=_KEY, errors=(*_SUBMITS, 410)),
    "api_events.events": Call(
        {200: ("events", "cursor")},
        {"after": _COUNT, "wait": _WAIT, "job": _many({"type": "string"}), "ends": _one_of("only")},
        errors=(429,),
    ),
    "api_secrets.listing": Call({200: ("secrets",)}),
    "api_secrets.look": Call({200: ("secret",)}, errors=_ONE),
    "api_secrets.put": Call({200: ("secret",), 201: ("secret",)}, body="secret", errors=(409, 413, 422, 507)),
    "api_secrets.remove": Call({200: ("secret",)}, errors=_ONE),
    "api_sign_in_links.make": Call({201: ("url",)}),
    "api_tokens.listing": Call({200: ("tokens",)}),
    "api_tokens.add": Call({201: ("token", "secret")}, body="token", errors=(409, 413, 422)),
    "api_tokens.revoke": Call({200: ("token",)}, errors=(404, 409)),
    "api_keeping.snapshot": Call({201: ("snapshot",)}, errors=(409, 507)),
    "api_keeping.removal": Call(
        {200: ("removal",)},
        {"older_than": _whole(0, 2**40), "experiment": _TEXT, "dry_run": _one_of("no", "yes")},
        errors=(409,),
    ),
}
HEADERS: dict[str, Json] = {
    "Idempotency-Key": {"type": "string", "minLength": 1, "maxLength": 200, "pattern": "^[ -~]*$"},
    "Landbridge-Digest": {"type": "string", "pattern": "^(sha256:[0-9a-f]{64}|xxh128:[0-9a-f]{32})$"},
    "Landbridge-Nonce": {"type": "string", "pattern": "^[0-9a-f]{32}$"},
    "Range": {"type": "string", "pattern": "^bytes=[0-9]{0,9}-[0-9]{0,9}$"},
}
# Not read as it should be, no token, not for this role; a body that is packed; too many wrong tokens; ours to mend.
EVERYBODYS = (400, 401, 403, 415, 429, 500, 503)
