"""A client that can be killed: uploads an input, submits a job by its key, waits for its end. Standard library alone.

``asking.py HOST PORT TOKEN FOLDER``: the folder has ``input``, ``body.json`` and ``key``; what was learnt is appended
to ``said``, from which a second client goes on. A line of standard input is waited for before the job is submitted, and
its end before this one ends.
"""

from __future__ import annotations

import http.client
import json
import sys
import time
from contextlib import suppress
from pathlib import Path

GIVE_UP = 600.0  # of one that nobody waits for any more: who does has less patience
_TIMEOUT = 60.0  # of one request


class Asking:
    def __init__(self, host: str, port: str, token: str, folder: Path) -> None:
        self._address, self._token, self._folder = (host, int(port)), token, folder
        self._deadline = time.monotonic() + GIVE_UP

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> dict:
        """Ask until there is an answer: a gateway that was killed is back in a moment."""
        problem = "nothing was asked"
        while time.monotonic() < self._deadline:
            connection = http.client.HTTPConnection(*self._address, timeout=_TIMEOUT)
            try:
                connection.request(method, f"/api/v1{path}", body, headers | {"Authorization": f"Bearer {self._token}"})
                answer = connection.getresponse()
                document = json.loads(answer.read())
                if answer.status < 500:
                    return document
                problem = json.dumps(document)
            except (OSError, http.client.HTTPException, ValueError) as error:
                problem = repr(error)
            finally:
                connection.close()
            time.sleep(0.02)
        raise SystemExit(f"{method} {path} had no answer within {GIVE_UP:.0f} s: {problem}")

    def say(self, **facts: object) -> None:
        with (self._folder / "said").open("a") as said:
            # On a line of its own, whatever one that was killed had half written.
            said.write("\n" + json.dumps(facts) + "\n")

    def learnt(self) -> dict:
        path = self._folder / "said"
        found: dict = {}
        for line in path.read_text().splitlines() if path.exists() else []:
            with suppress(ValueError):
                found |= json.loads(line)
        return found

    def object(self) -> str:
        if known := self.learnt().get("object"):
            return str(known)
        data = (self._folder / "input").read_bytes()
        found = self.ask("POST", "/objects?format=file", data, **{"Content-Type": "application/octet-stream"})
        self.say(object=found["object"]["id"])
        return str(found["object"]["id"])

    def submit(self) -> str:
        body = (self._folder / "body.json").read_text().replace("obj_given", self.object())
        key = (self._folder / "key").read_text()
        sys.stdin.readline()
        headers = {"Content-Type": "application/json", "Idempotency-Key": key}
        answer = self.ask("POST", "/jobs", body.encode(), **headers)
        if "job" not in answer:
            raise SystemExit(json.dumps(answer))
        self.say(job=answer["job"]["id"])
        return str(answer["job"]["id"])

    def wait(self, job: str) -> dict:
        after, found = 0, {}
        while time.monotonic() < self._deadline:
            found = self.ask("GET", f"/events?after={after}&wait=20&ends=only&job={job}")
            if job in found.get("jobs", {}):
                return dict(found["jobs"][job])
            after = found.get("cursor", 0)
        raise SystemExit(f"{job} did not end within {GIVE_UP:.0f} s: {found}")


def main() -> None:
    host, port, token, folder = sys.argv[1:]
    asking = Asking(host, port, token, Path(folder))
    end = asking.wait(asking.submit())
    asking.say(end={name: end[name] for name in ("id", "state", "cause", "error", "result", "attempt", "started")})
    sys.stdin.read()


if __name__ == "__main__":
    main()
