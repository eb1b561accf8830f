"""A small HTTP server that speaks the contract from memory, and can be told to misbehave."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

from landbridge.client import Client
from landbridge.kinds import Json

TOKEN = "lb_test"
Answer = tuple[int, dict[str, str], bytes]


class Seen:
    """One request that arrived."""

    def __init__(self, method: str, target: str, headers: dict[str, str], body: bytes) -> None:
        parts = urlsplit(target)
        self.method, self.path, self.headers, self.body = method, parts.path.removeprefix("/api/v1"), headers, body
        self.query = {name: values[-1] for name, values in parse_qs(parts.query).items()}

    @property
    def json(self) -> Json:
        document: Json = json.loads(self.body)
        return document


def answer(document: Any, status: int = 200, **headers: str) -> Answer:
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return status, {"Landbridge-Protocol": "1", **headers}, body


def refusal(code: str, message: str, status: int, hint: str | None = None, **detail: Any) -> Answer:
    return answer({"error": {"code": code, "message": message, "hint": hint, "detail": detail}}, status)


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that hang up are part of the tests."""


class FakeGateway:
    """Jobs, objects and events in memory. ``faults`` are answered first, in order; ``None`` breaks the connection."""

    def __init__(self) -> None:
        self.requests: list[Seen] = []
        self.faults: list[Answer | None] = []
        self.objects: dict[str, bytes] = {}
        self.jobs: dict[str, Json] = {}
        self.events: list[Json] = []
        self.log: bytes = b""
        self.changed = threading.Condition()
        self.waiting = threading.Semaphore(0)
        self._closed = False
        self._server = _Server(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with self.changed:
            self._closed = True
            self.changed.notify_all()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def client(self, token: str = TOKEN) -> Client:
        return Client(self.url, token, pause=lambda _: None)

    def sent(self, method: str, path: str) -> list[Seen]:
        return [seen for seen in self.requests if seen.method == method and seen.path == path]

    def job(self, number: int = 1, **fields: Any) -> Json:
        identity = f"job_{number:016d}"
        document = {
            "id": identity,
            "name": "fit",
            "language": "python",
            "runtime": "python:3.14",
            "experiment": None,
            "tags": {},
            "state": "running",
            "cause": None,
            "note": None,
            "seed": 1,
            "limits": {},
            "attempt": 1,
            "submitted": "2024-01-01T00:00:00.000000Z",
            "started": None,
            "ended": None,
            "seconds": 1.5,
            "url": f"{self.url}/jobs/{identity}",
            "warnings": [],
            "progress": None,
            "environment": None,
            "function": {"type": "source", "name": "fit"},
            "result": None,
            "error": None,
        } | fields
        self.jobs[identity] = document
        return document

    def end(self, job: Json, state: str = "succeeded", **fields: Any) -> None:
        """The job changes, and whoever waits for events hears it."""
        with self.changed:
            job |= {"state": state, "ended": "2024-01-01T00:00:02.000000Z", **fields}
            self.events.append(
                {
                    "seq": len(self.events) + 1,
                    "job": job["id"],
                    "state": state,
                    "cause": job["cause"],
                    "at": "",
                    "note": None,
                }
            )
            self.changed.notify_all()

    def respond(self, seen: Seen) -> Answer | None:
        with self.changed:
            self.requests.append(seen)
            if self.faults:
                return self.faults.pop(0)
        if seen.headers.get("Authorization") != f"Bearer {TOKEN}":
            return refusal("unauthorized", "The token is not one of this gateway's.", 401, "Look into the file.")
        route = {("POST", "objects"): self._store, ("GET", "objects"): self._fetch, ("GET", "events"): self._wait}
        found: Callable[[Seen], Answer] = route.get(
            (seen.method, seen.path.partition("/")[2].partition("/")[0]), self._job
        )
        return found(seen)

    def _store(self, seen: Seen) -> Answer:
        digest = hashlib.sha256(seen.body).hexdigest()
        if seen.headers.get("Landbridge-Digest") != f"sha256:{digest}":
            return refusal("digest_mismatch", "The bytes do not have the digest.", 422)
        identity = f"obj_{len(self.objects) + 1:016d}"
        self.objects[identity] = seen.body
        return answer({"object": {"id": identity, "size": len(seen.body)}}, 201)

    def _fetch(self, seen: Seen) -> Answer:
        body = self.objects[seen.path.split("/")[2]]
        if seen.path.endswith("/digest"):
            return answer({"digest": f"sha256:{hashlib.sha256(body).hexdigest()}"})
        return answer(body, **{"Landbridge-Digest": f"sha256:{hashlib.sha256(body).hexdigest()}"})

    def _wait(self, seen: Seen) -> Answer:
        after = int(seen.query["after"])
        self.waiting.release()
        with self.changed:
            self.changed.wait_for(lambda: self._closed or len(self.events) > after, float(seen.query["wait"]))
            found = self.events[after:]
        return answer({"events": found, "cursor": found[-1]["seq"] if found else after})

    def _job(self, seen: Seen) -> Answer:
        cursor = len(self.events)
        parts = seen.path.split("/")[2:]
        if seen.method == "POST" and not parts:
            known = [other for other in self.sent("POST", "/jobs")[:-1] if _key(other) == _key(seen)]
            job = self.jobs.get("job_0000000000000001") or self.job() if known else self.job(len(self.jobs) + 1)
            return answer({"job": job, "cursor": cursor}, 200 if known else 201)
        if not parts:
            return answer(
                {"version": "0", "protocol": 1, "runtimes": [], "jobs": list(self.jobs.values()), "next": None}
            )
        if parts[0] not in self.jobs:
            return refusal("unknown_job", f"There is no job `{parts[0]}`.", 404, "Look at the list.", job=parts[0])
        job = self.jobs[parts[0]]
        if parts[1:] == ["cancel"]:
            self.end(job, "cancelled")
        if parts[1:] == ["record"]:
            return answer({"metrics": [{"name": "rmse", "value": "NaN", "step": 1, "at": ""}]})
        if parts[1:] == ["log"]:
            return self._log_part(seen)
        return answer({"job": job, "cursor": cursor})

    def _log_part(self, seen: Seen) -> Answer:
        start = int(seen.query.get("offset", 0))
        # In threes, so that characters of several bytes are torn apart.
        part = self.log[start : start + 3] if "wait" in seen.query else self.log
        end = {"Landbridge-Log-End": "true"} if start + len(part) >= len(self.log) else {}
        return answer(part, **{"Landbridge-Offset": str(start + len(part)), **end})

    def _handler(gateway) -> type[BaseHTTPRequestHandler]:
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _serve(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                found = gateway.respond(Seen(self.command, self.path, dict(self.headers.items()), body))
                if found is None:
                    self.close_connection = True
                    return
                status, headers, data = found
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST = _serve

            def log_message(self, *_: object) -> None:
                return

        return Handler


def _key(seen: Seen) -> str | None:
    # Header names arrive as the client wrote them.
    return {name.lower(): value for name, value in seen.headers.items()}.get("idempotency-key")
