"""Wrong tokens, counted by where they come from: beyond a few, a place is not listened to for a while."""

from __future__ import annotations

import ipaddress
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from functools import lru_cache

from landbridge_gateway.errors import TooManyAttempts

MOST = 20  # wrong tokens from one place
SECONDS = 60.0  # within which they count, and after which it is listened to again
_PLACES = 10_000
_KNOWN = 1000  # addresses that are not read again for each request


class Attempts:
    """``now`` is a clock in seconds. Memory is bounded: the places that were quiet longest are forgotten first."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._wrong: OrderedDict[str, tuple[int, float]] = OrderedDict()  # how many, and until when they count

    def check(self, address: str | None) -> None:
        """Refuse a place that has been wrong too often, before anything it sends is looked at.

        This machine itself is never refused here: whoever owns the gateway must get in, whatever else runs beside.
        """
        place = _place(address)
        with self._lock:
            count, until = self._wrong.get(place, (0, 0.0))
        if not is_here(place) and count >= MOST and self._now() < until:
            raise TooManyAttempts(round(until - self._now()) or 1)

    def wrong(self, address: str | None) -> None:
        """Note a wrong token; from the last one that is allowed on, its answer is the refusal."""
        place, now = _place(address), self._now()
        with self._lock:
            count, until = self._wrong.pop(place, (0, 0.0))
            count, until = (count + 1, until) if now < until else (1, now + SECONDS)
            self._wrong[place] = (count, until)
            while len(self._wrong) > _PLACES:
                self._wrong.popitem(last=False)
        if count > MOST:
            raise TooManyAttempts(round(until - now) or 1)


@lru_cache(_KNOWN)
def _place(address: str | None) -> str:
    """An address; of version 6 its network, because one machine has all of that."""
    try:
        found = ipaddress.ip_address(address or "")
    except ValueError:
        return "elsewhere"
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped:
            return str(found.ipv4_mapped)
        return str(found) if found.is_loopback else str(ipaddress.ip_network((found, 64), strict=False))
    return str(found)


@lru_cache(_KNOWN)
def is_here(address: str | None) -> bool:
    """Is it this machine itself?"""
    try:
        found = ipaddress.ip_address(address or "")
    except ValueError:
        return False
    return found.is_loopback
