"""What a figure is measured with: the gateway, how many samples, and the peers that are there."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

from bench.interleaving import Unable
from bench.peers import Peer
from tests.serving import Serving

REST_SECONDS = 30


@dataclass(frozen=True)
class Run:
    """``samples`` is the number of rounds of work that takes about a second; quicker work takes more of them.

    ``quick`` asks for the smallest size only, and is a run without heavy peers.
    """

    serving: Serving
    samples: int
    quick: bool = False
    languages: tuple[str, ...] = ("python", "r")
    peers: tuple[Peer, ...] = field(default=())

    def rest(self, held: int = 0) -> list[dict[str, Any]]:
        """Waits until no container starts or is removed, so that one contender's traces do not slow the next.

        ``held`` containers belong to sessions. Gives the pool: the containers that wait for a job, by kind.
        """
        until = time.monotonic() + REST_SECONDS
        while time.monotonic() < until:
            pool: list[dict[str, Any]] = self.serving.call("")["pool"]
            ready = sum(one["ready"] for one in pool)
            if ready == sum(one["waiting"] for one in pool) and len(self.serving.containers()) == ready + held:
                return pool
        raise Unable(f"containers came and went for {REST_SECONDS} s")
