"""How long the warden may be silent. No IO, no clock.

The gateway asks, and the warden answers at once. One that owes an answer for longer than the lease is stalled, and
what its containers do is not known. Time is the machine's monotonic clock, which stands still while a laptop sleeps; a
gateway that was stalled itself, and could hear nothing, begins to count anew.
"""

from __future__ import annotations

from dataclasses import dataclass

_BEATS = 3  # in a lease


@dataclass
class Lease:
    seconds: float
    owed_since: float | None = None  # when the question was asked that is not answered yet
    last_beat: float | None = None
    suspected: bool = False

    @property
    def pause(self) -> float:
        """Seconds between two beats."""
        return self.seconds / _BEATS

    def ask(self, now: float) -> bool:
        """At each beat: is it time to ask? One question is open at a time."""
        stalled = self.last_beat is not None and now - self.last_beat > 2 * self.pause
        self.last_beat = now
        if stalled and self.owed_since is not None:
            self.owed_since = now
        if self.owed_since is not None:
            return False
        self.owed_since = now
        return True

    def ran_out(self, now: float) -> bool:
        """Is the warden stalled, as of now and not before?"""
        if self.suspected or self.owed_since is None or now - self.owed_since <= self.seconds:
            return False
        self.suspected = True
        return True

    def heard(self) -> bool:
        """It answered; True where it was thought to be stalled."""
        was, self.suspected, self.owed_since = self.suspected, False, None
        return was
