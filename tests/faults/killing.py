"""Kills at named steps and at random times, in a whole installation with a home of its own."""

from __future__ import annotations

import itertools
import json
import os
import random
import sqlite3
import subprocess
import threading
import time
import traceback
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from landbridge_gateway.engines.leftovers import MARK, leftovers
from landbridge_gateway.failpoints import STEPS

from tests import processes
from tests.faults.armed import FOLDER
from tests.faults.cells import HELD, IN_THE_JOB, LANGUAGES, Cell, body, given, object_of, times_run
from tests.faults.clients import KILLED, Client
from tests.faults.history import stirring
from tests.faults.installation import Armed
from tests.faults.meeting import JobMeeting, Meeting, Met
from tests.patience import PATIENCE, NeverCame, ended, joined, until

DECOYS = 10
_PATIENCE_AFTER_A_STORM = 2 * PATIENCE  # a job that is on its way ends, and one that was begun just then
AT_RANDOM = "at random"
RANDOM_VICTIMS = ("gateway", "gateway", "warden", "service", "job", "client")


def told(problem: BaseException) -> str:
    """A problem in one sentence, with its place."""
    frame = traceback.extract_tb(problem.__traceback__)[-1]
    return f"{type(problem).__name__} at {Path(frame.filename).name}:{frame.lineno}: {problem}"


@dataclass
class Tally:
    kills: Counter[tuple[str, str]] = field(default_factory=Counter)  # by step and victim
    broken: list[str] = field(default_factory=list)
    accepted: dict[str, str] = field(default_factory=dict)
    states: Counter[str] = field(default_factory=Counter)
    seconds_to_quiet: float = 0.0


class Killing:
    """One installation under kills; left by ``with``, when everything of it is gone."""

    def __init__(self, folder: Path, engine: str = "process", **environ: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.tally = folder, Tally()
        self._numbers, self._lock = itertools.count(1), threading.Lock()
        self.meeting = Meeting(folder / "meeting")
        self.serving = Armed(folder / "home", engine, **{FOLDER: str(self.meeting.folder)} | environ)

    def __enter__(self) -> Self:
        self.serving.start()
        self._decoys = [
            subprocess.Popen(["sleep", "3600"], env=os.environ | {MARK: f"another{number}"}) for number in range(DECOYS)
        ]
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self.meeting.close()
            self._await_quiet()
            self.serving.stop()
        finally:
            self._end_decoys()

    def _end_decoys(self) -> None:
        alive = [decoy for decoy in self._decoys if decoy.poll() is None]
        for decoy in self._decoys:
            decoy.kill()
            ended(decoy, "a process of somebody else")
        if len(alive) != DECOYS:
            self.tally.broken.append(f"{DECOYS - len(alive)} processes of somebody else were killed")

    def _await_quiet(self) -> None:
        """What is left when nobody asks for anything any more is what is counted as left."""
        begun = time.monotonic()
        with suppress(NeverCame):  # what is there all the same is told by the history
            self._until_quiet()
        self.tally.seconds_to_quiet = time.monotonic() - begun

    def _until_quiet(self) -> None:
        until(lambda: not self.stirring(), "a quiet installation", instead=self.stirring)

    def stirring(self) -> list[str]:
        """What is on its way, or left of something."""
        try:
            return stirring(self.serving.home)
        except (OSError, sqlite3.OperationalError) as changing:
            return [f"it changes while it is looked at: {changing}"]

    @property
    def identity(self) -> str:
        return (self.serving.home / "id").read_text().strip()

    def client(self, language: str, where: str, meet: Path | None = None) -> Client:
        folder = self.folder / f"{next(self._numbers)}"
        folder.mkdir()
        (folder / "input").write_bytes(given())
        (folder / "key").write_text(f"{self.folder.name}-{folder.name}")
        (folder / "body.json").write_text(json.dumps(body(language, str(meet or ""), where)))
        return Client(self.serving, folder)

    # At a step.

    def run(self, cell: Cell) -> None:
        """Bring a job to the step, kill, and hold what became of it against the promises."""
        # The last of the cell before may come to the same step, and somebody be killed for it at the wrong time. An
        # installation that does not come to rest is not gone on with: each cell would wait for it anew.
        self._until_quiet()
        in_the_job = cell.where in (*IN_THE_JOB, HELD)
        meet = JobMeeting(self.folder / f"job{next(self._numbers)}") if in_the_job else None
        client = self.client(cell.language, cell.where, meet and meet.path)
        try:
            self._at_step(cell, client, meet)
            self._judge(cell, client)
        except Exception as problem:  # noqa: BLE001 - told with its cell, and the other cells are run
            self.tally.broken.append(f"{cell}: {told(problem)}")
            self._make_way()
        finally:
            client.close()
            if meet:
                meet.close()

    def _make_way(self) -> None:
        """For the cells that follow one that failed: nobody waits any more, and there is somebody to kill."""
        self.meeting.close_step()
        for pid in leftovers(self.identity):
            self._kill_of_a_job(pid)
        if self.serving.process.poll() is not None:
            self.serving.start()

    def _at_step(self, cell: Cell, client: Client, meet: JobMeeting | None) -> None:
        early, in_the_job = cell.step != "after the answer", cell.step in IN_THE_JOB
        if early and not in_the_job:
            self.meeting.want(cell.step)
        client.start()
        if not early:
            client.learn("object")
            self.meeting.want(cell.step)
        client.go(stay=cell.victim == "client")
        if meet and in_the_job:
            meet.met()
        met = None if in_the_job else self.meeting.met()
        try:
            self._hit = self._kill(cell.victim, client, met)
        finally:
            if met:
                met.let_go()
        self.tally.kills[cell.step, cell.victim] += 1
        if meet and cell.victim != "job":
            meet.let_go()
        if cell.victim == "client":
            client.start()
            client.go()

    def _kill(self, victim: str, client: Client, met: Met | None) -> set[str]:
        """The victim is gone when this returns; the attempts that processes were hit of, where it is the job."""
        if victim == "job":
            return self._kill_jobs()
        if victim == "client":
            assert client.kill(), f"the client ended before it was killed: {client.said()}"
        elif victim == "service":
            self.serving.kill_all()
        elif victim == "engine":
            self.kill_engine()
        elif met and met.who == victim:
            assert met.kill(), f"the {victim} did not stand at the step any more"
        else:
            self.serving.kill(victim)
        return set()

    def _kill_jobs(self) -> set[str]:
        hit: set[str] = set()

        def none_left() -> bool:
            found = leftovers(self.identity)
            hit.update(attempt for pid in found if (attempt := self._kill_of_a_job(pid)))
            # One that forks, or is just becoming another program and cannot be told, is found in the next round.
            return bool(hit) and not found

        until(none_left, "a process of the job to be killed, and the end of all of them")
        return hit

    def _kill_of_a_job(self, pid: int) -> str | None:
        attempt = self._attempt_of(pid)
        return attempt if attempt and processes.kill(pid, lambda: self._attempt_of(pid) == attempt) else None

    def _attempt_of(self, pid: int) -> str | None:
        environment = processes.environment(pid)
        return Path(environment.get("TMPDIR", "unknown")).name if environment.get(MARK) == self.identity else None

    def _judge(self, cell: Cell, client: Client) -> None:
        end = self.took(client)
        if cell.victim == "job":
            # It was held until it was killed, and so cannot have been done by then.
            assert self._hit == {f"{end['id']}.{end['attempt']}"}, f"{sorted(self._hit)} was hit, and not {end['id']}"
        assert end["state"] in cell.may_end(), f"it is {end['state']}: {end['error']}"
        if end["state"] == "lost" and end["attempt"] > 1:
            assert times_run(self.serving.home, end["id"]), "it was tried again, and lost without another kill"
        if cell.victim in ("gateway", "client") and STEPS.index(cell.step) >= STEPS.index("start sent"):
            assert end["attempt"] == 1, f"it has {end['attempt']} attempts"

    def took(self, client: Client) -> dict[str, Any]:
        """How a client's job ended; what is true of every job is held against it here."""
        said = client.end()
        end, times = said["end"], times_run(self.serving.home, said["job"])
        self.tally.accepted[(client.folder / "key").read_text()] = said["job"]
        with self._lock:
            self.tally.states[end["state"]] += 1
        assert times <= 1, f"it ran {times} times"
        if end["state"] == "succeeded":
            assert times == 1, "it never ran"
            object_of(end["result"])
        else:
            assert end["error"]["message"], "nobody says why"
            # What is lost need not have run: it may have been killed between its worker's start and its own code, in a
            # storm in any of its attempts. But that attempt may have begun, or another would have followed.
            assert end["state"] != "lost" or times or end["started"] or self._events_of(end).exists(), "it never began"
        return dict(end)

    def _events_of(self, end: dict[str, Any]) -> Path:
        return self.serving.home / "depot" / "jobs" / end["id"] / str(end["attempt"]) / "out" / "events.jsonl"

    def kill_engine(self) -> None:
        """Only a test that has an engine of its own may."""
        raise NotImplementedError

    # At random times.

    def storm(self, kills: int, seed: int, clients: int = 3) -> None:
        """Kill somebody every now and then while clients submit and wait without a pause."""
        dice, over = random.Random(seed), threading.Event()
        alive: dict[int, Client] = {}
        lines = [
            threading.Thread(target=self._load, args=(number, dice.random(), over, alive), daemon=True)
            for number in range(clients)
        ]
        for line in lines:
            line.start()
        try:
            for _ in range(kills):
                over.wait(dice.uniform(0.05, 0.6))
                self._kill_at_random(dice, alive)
        finally:
            over.set()
            for line in lines:
                joined(line, "a client of a storm", _PATIENCE_AFTER_A_STORM)

    def _kill_at_random(self, dice: random.Random, alive: dict[int, Client]) -> None:
        victim = dice.choice(RANDOM_VICTIMS)
        if victim == "service":
            self.serving.kill_all()
        elif victim in ("job", "client"):
            hit = self._kill_a_job(dice) if victim == "job" else self._kill_a_client(dice, alive)
            # Where there was none to kill.
            victim = victim if hit else "warden"
        if victim in ("gateway", "warden"):
            self.serving.kill(victim)
        self.tally.kills[AT_RANDOM, victim] += 1

    def _kill_a_job(self, dice: random.Random) -> bool:
        running = leftovers(self.identity)
        return bool(running) and self._kill_of_a_job(dice.choice(running)) is not None

    def _kill_a_client(self, dice: random.Random, alive: dict[int, Client]) -> bool:
        begun = [*alive.values()]
        return bool(begun) and dice.choice(begun).kill()

    def _load(self, number: int, seed: float, over: threading.Event, alive: dict[int, Client]) -> None:
        dice = random.Random(seed)
        while not over.is_set():
            client = self.client(dice.choice(LANGUAGES), "")
            try:
                while "end" not in client.said():
                    client.start()
                    alive[number] = client
                    client.go()
                    self._until_ended(client, over)
                self.took(client)
            except Exception as problem:  # noqa: BLE001 - told, and the others go on
                self.tally.broken.append(f"at random, {client.folder.name}: {told(problem)}")
            finally:
                alive.pop(number, None)
                client.close()

    @staticmethod
    def _until_ended(client: Client, over: threading.Event) -> None:
        # How long a storm takes is no fault of the gateway's, which may hardly be there while it lasts.
        while client.process is not None and client.process.poll() is None and not over.wait(0.02):
            continue
        code = client.ended()
        assert code in (0, KILLED), f"the client ended with {code}: {client.said()}"
