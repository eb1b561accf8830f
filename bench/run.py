"""What a figure is measured with: the gateway, how many samples, and the peers that are there."""

from __future__ import annotations

from dataclasses import dataclass, field

from bench.peers import Peer
from tests.serving import Serving


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
