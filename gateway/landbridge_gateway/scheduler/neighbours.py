"""What carries the loop's decisions out, as far as the scheduler knows it: the warden, and what stands in for it."""

from __future__ import annotations

from typing import Any, Protocol

from landbridge_gateway.depot.layout import JobFolder


class Commands(Protocol):
    """The warden."""

    def send(self, verb: str, **fields: object) -> bool: ...


class Lookout(Protocol):
    """Sees the end of one call for the thread that waits for it."""

    def turn_to(self, folder: JobFolder) -> None: ...
    def sees_end(self, seconds: float) -> bool: ...


class Near(Protocol):
    """Tells sessions on this machine of their calls, and watches these, without the warden: see warden/near.py."""

    def lookout(self) -> Lookout | None: ...
    def give_back(self, lookout: Any) -> None: ...
    def tell(self, session: str, attempt: str) -> None: ...
    def watch(self, attempt: str) -> None: ...
    def forget(self, attempt: str) -> None: ...
