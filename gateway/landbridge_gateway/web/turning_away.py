"""Who submits to a full queue is turned away at the door, and told so after a moment.

Refusals that are answered at once are asked for again at once by clients that do not wait as they are told to: hundreds
in a second, until nothing but refusals is computed and the jobs that were accepted hardly run. So no more are answered
in a second than leave room for all else. A refusal that waits takes neither a thread nor a processor.
"""

from __future__ import annotations

from flask import Response, request

from landbridge_gateway.errors import TooManyJobs
from landbridge_gateway.web.access import caller
from landbridge_gateway.web.headers import refusal
from landbridge_gateway.web.services import services
from landbridge_gateway.web.waiting import HOLD, answer_when

_LEAST, _LONGEST = 1.0, 10.0  # seconds that one waits
_MOST_READ = 1024**2


def turned_away(key: str | None) -> Response | None:
    """The refusal of a submission under a key, where there is no room for it. Nothing of it was looked at by then."""
    here = services()
    try:
        here.door.look(caller().name, key)
    except TooManyJobs as full:
        told = refusal(full)
        if not _may_wait():
            return told
        request.get_data(cache=False)  # a connection whose request was not read to its end cannot be held
        seconds = min(max(_LEAST, here.refusals.turn()), _LONGEST)
        return answer_when(lambda: None, lambda _: told, seconds, [])
    return None


def _may_wait() -> bool:
    """Half of the places are for those who wait for something to happen."""
    hub, size = services().hub, request.content_length
    return HOLD in request.environ and size is not None and size <= _MOST_READ and hub.waiting * 2 < hub.places
