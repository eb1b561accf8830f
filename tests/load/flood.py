"""Submissions as fast as the gateway answers, by clients that never wait as they are told to."""

from __future__ import annotations

import http.client
import json
import math
import threading
import time
from dataclasses import dataclass, field
from typing import Any

from tests.patience import PATIENCE, joined


@dataclass
class Flood:
    """What came back: ids and times of what was accepted, status and Retry-After of what was not.

    ``sent`` has of each accepted one when it was sent, in seconds, and how long its answer took, in milliseconds.
    """

    accepted: list[str] = field(default_factory=list)
    sent: list[tuple[float, float]] = field(default_factory=list)
    refused: list[tuple[int, str | None]] = field(default_factory=list)
    full_since: float = math.inf  # when a client was told so for the first time

    def taken(self, while_full: bool) -> list[float]:
        """How long the answers took of those that were sent after the first refusal was told, or before."""
        return [taken for at, taken in self.sent if (at > self.full_since) is while_full]

    def pour(
        self,
        port: int,
        token: str,
        body: dict[str, Any],
        seconds: float,
        clients: int,
        rate: float | None = None,
        most: int | None = None,
    ) -> None:
        """From ``clients`` threads; with a ``rate`` no more than so many a second in all, and ``most`` of each."""
        until = time.monotonic() + seconds
        pause = clients / rate if rate else 0.0
        text = json.dumps(body)
        threads = [
            threading.Thread(target=self._submit, args=(port, token, text, until, pause, most), daemon=True)
            for _ in range(clients)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            joined(thread, "a client of a flood", seconds + PATIENCE)

    def _submit(self, port: int, token: str, body: str, until: float, pause: float, most: int | None) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        due, sent = time.monotonic(), 0
        while time.monotonic() < until and sent != most:
            sent += 1
            time.sleep(max(0.0, due - time.monotonic()))
            due += pause
            began = time.perf_counter()
            connection.request("POST", "/api/v1/jobs", body, headers)
            answer = connection.getresponse()
            told = json.load(answer)
            if answer.status == 201:
                self.sent.append((began, 1000 * (time.perf_counter() - began)))
                self.accepted.append(told["job"]["id"])
            else:
                self.full_since = min(self.full_since, time.perf_counter())
                self.refused.append((answer.status, answer.headers["Retry-After"]))
        connection.close()
