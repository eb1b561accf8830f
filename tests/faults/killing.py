"""Kills at named steps and at random times, in a whole installation with a home of its own."""

from __future__ import annotations

import itertools
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from landbridge_gateway.engines.leftovers import MARK, leftovers
from landbridge_gateway.engines.process import _r_command
from landbridge_gateway.failpoints import STEPS

from tests.faults.armed import FOLDER, R_COMMAND
from tests.faults.cells import IN_THE_JOB, LANGUAGES, Cell, body, given, object_of, times_run
from tests.faults.history import quiet
from tests.faults.meeting import JobMeeting, Meeting, Met
from tests.serving import Serving

ROOT = Path(__file__).resolve().parents[2]
_ARMED = [sys.executable, "-m", "tests.faults.armed"]
_PATIENCE = 60.0
DECOYS = 10
AT_RANDOM = "at random"
RANDOM_VICTIMS = ("gateway", "gateway", "warden", "service", "job", "client")


class Armed(Serving):
    """A gateway whose steps can be waited at; started again as often as it is killed, at the same port."""

    def __init__(self, home: Path, engine: str = "process", **environ: str) -> None:
        known = " ".join([*_r_command()][:1] + [command[1] for command in _r_command().values()])
        paths = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
        super().__init__(home, engine, _ARMED, **{"PYTHONPATH": paths, R_COMMAND: known} | environ)

    def start(self) -> Serving:
        super().start()
        self.port = int(self.url.rpartition(":")[2])
        self._reading = threading.Thread(target=self._read_on, args=(self.process,), daemon=True)
        self._reading.start()
        return self

    def _read_on(self, process: subprocess.Popen[str]) -> None:
        # A pipe that nobody reads would stop the supervisor after some hundred kills.
        assert process.stdout is not None
        self.said += [line.rstrip("\n") for line in process.stdout]

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        if self.process.poll() is None:
            self.process.send_signal(number)
        code = self.process.wait(60)
        self._reading.join(10)
        if self.process.stdout:
            self.process.stdout.close()
        return code

    def child(self, name: str) -> int:
        """The process id of one half, which may be about to be started again."""
        while True:
            with suppress(subprocess.CalledProcessError, ValueError):
                return super().child(name)

    def kill(self, name: str) -> None:
        with suppress(ProcessLookupError):
            os.kill(self.child(name), signal.SIGKILL)

    def kill_all(self) -> None:
        """The supervisor and both halves, at once; and start again."""
        self.process.send_signal(signal.SIGSTOP)
        for name in ("gateway", "warden"):
            self.kill(name)
        self.stop(signal.SIGKILL)
        self.start()


@dataclass
class Client:
    """One client that is killed, or not; a second one goes on with what the first had learnt."""

    serving: Armed
    folder: Path
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [sys.executable, "-I", "-S", str(ROOT / "tests/faults/asking.py"), "127.0.0.1"]
        given = [str(self.serving.port), self.serving.token, str(self.folder)]
        self.process = subprocess.Popen([*command, *given], stdin=subprocess.PIPE)

    def go(self) -> None:
        """It may submit."""
        assert self.process is not None and self.process.stdin is not None
        with suppress(BrokenPipeError):
            self.process.stdin.write(b"\n")
            self.process.stdin.close()

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def end(self) -> dict[str, Any]:
        """What it said, when it has ended."""
        assert self.process is not None
        code = self.process.wait(_PATIENCE)
        # One that is killed when it has said all, before it is gone, has said all.
        assert code == 0 or "end" in self.said(), f"the client ended with {code}: {self.said()}"
        return self.said()

    def said(self) -> dict[str, Any]:
        path, found = self.folder / "said", {}
        for line in path.read_text().splitlines() if path.exists() else []:
            found |= json.loads(line)
        return found


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
        self._numbers = itertools.count(1)
        self.meeting = Meeting(folder / "meeting")
        self.serving = Armed(folder / "home", engine, **{FOLDER: str(self.meeting.folder)} | environ)

    def __enter__(self) -> Self:
        self.serving.start()
        self._decoys = [
            subprocess.Popen(["sleep", "3600"], env=os.environ | {MARK: f"another{number}"}) for number in range(DECOYS)
        ]
        return self

    def __exit__(self, *_: object) -> None:
        self.meeting.close()
        self._await_quiet()
        self.serving.stop()
        alive = [decoy for decoy in self._decoys if decoy.poll() is None]
        for decoy in self._decoys:
            decoy.kill()
            decoy.wait()
        if len(alive) != DECOYS:
            self.tally.broken.append(f"{DECOYS - len(alive)} processes of somebody else were killed")

    def _await_quiet(self) -> None:
        """What is left when nobody asks for anything any more is what is counted as left."""
        begun = time.monotonic()
        self._until_quiet()
        self.tally.seconds_to_quiet = time.monotonic() - begun

    def _until_quiet(self) -> None:
        until = time.monotonic() + _PATIENCE
        while not self.quiet() and time.monotonic() < until:
            time.sleep(0.02)  # nobody tells of it: it is looked at from outside

    def quiet(self) -> bool:
        """Is nothing on its way any more, and nothing left?"""
        return quiet(self.serving.home)

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
        meet = JobMeeting(self.folder / f"job{next(self._numbers)}") if cell.step in IN_THE_JOB else None
        client = self.client(cell.language, cell.step, meet and meet.path)
        try:
            self._at_step(cell, client, meet)
            self._judge(cell, client)
        except Exception as problem:  # noqa: BLE001 - told with its cell, and the other cells are run
            self.tally.broken.append(f"{cell}: {type(problem).__name__} {problem}")
            self.meeting.close_step()
            if client.process:
                client.kill()
        finally:
            if meet:
                meet.close()

    def _at_step(self, cell: Cell, client: Client, meet: JobMeeting | None) -> None:
        # The last of the cell before may come to the same step, and somebody be killed for it at the wrong time.
        self._until_quiet()
        early = cell.step != "after the answer"
        if early and not meet:
            self.meeting.want(cell.step)
        client.start()
        if not early:
            while "object" not in client.said():
                pass
            self.meeting.want(cell.step)
        client.go()
        if meet:
            meet.met(_PATIENCE)
        met = None if meet else self.meeting.met(_PATIENCE)
        at = time.time()
        self._kill(cell.victim, client, met)
        self._killed_at = at
        self.tally.kills[cell.step, cell.victim] += 1
        if meet:
            meet.let_go()
        if met:
            met.let_go()
        if cell.victim == "client":
            client.start()
            client.go()

    def _kill(self, victim: str, client: Client, met: Met | None) -> None:
        if victim == "client":
            client.kill()
        elif victim == "service":
            self.serving.kill_all()
        elif victim == "engine":
            self.kill_engine()
        elif victim == "job":
            for pid in leftovers(self.identity):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        elif met and met.who == victim:
            os.kill(met.pid, signal.SIGKILL)
        else:
            self.serving.kill(victim)

    def _judge(self, cell: Cell, client: Client) -> None:
        end = self.took(client)
        if cell.victim == "job" and end["state"] == "succeeded":
            # It went on while the gateway stood at the step: one that was done has nothing that could be killed.
            (result,) = (self.serving.home / "depot" / "jobs" / client.said()["job"]).glob("*/out/result.json")
            assert result.stat().st_mtime < self._killed_at, "it was killed before it was done, and is succeeded"
            return
        assert end["state"] in cell.may_end(), f"it is {end['state']}: {end['error']}"
        if cell.victim in ("gateway", "client") and STEPS.index(cell.step) >= STEPS.index("start sent"):
            assert end["attempt"] == 1, f"it has {end['attempt']} attempts"

    def took(self, client: Client) -> dict[str, Any]:
        """How a client's job ended; what is true of every job is held against it here."""
        said = client.end()
        end, times = said["end"], times_run(self.serving.home, said["job"])
        self.tally.accepted[(client.folder / "key").read_text()] = said["job"]
        self.tally.states[end["state"]] += 1
        assert times <= 1, f"it ran {times} times"
        if end["state"] == "succeeded":
            assert times == 1, "it never ran"
            object_of(end["result"])
        else:
            assert end["error"]["message"], "nobody says why"
            assert end["state"] != "lost" or times or end["attempt"] == 1
        return dict(end)

    def kill_engine(self) -> None:
        """Only a test that has an engine of its own may."""
        raise NotImplementedError

    # At random times.

    def storm(self, kills: int, seed: int, clients: int = 3) -> None:
        """Kill somebody every now and then while clients submit and wait without a pause."""
        dice, over = random.Random(seed), threading.Event()
        alive: dict[int, Client] = {}
        lines = [
            threading.Thread(target=self._load, args=(number, dice.random(), over, alive)) for number in range(clients)
        ]
        for line in lines:
            line.start()
        for _ in range(kills):
            over.wait(dice.uniform(0.05, 0.6))
            self._kill_at_random(dice, alive)
        over.set()
        for line in lines:
            line.join()

    def _kill_at_random(self, dice: random.Random, alive: dict[int, Client]) -> None:
        victim = dice.choice(RANDOM_VICTIMS)
        if victim == "job":
            running = leftovers(self.identity)
            if not running:
                victim = "warden"
            else:
                with suppress(ProcessLookupError):
                    os.kill(dice.choice(running), signal.SIGKILL)
        if victim == "client":
            with suppress(KeyError, IndexError):
                alive[dice.choice([*alive])].kill()
        elif victim == "service":
            self.serving.kill_all()
        elif victim != "job":
            self.serving.kill(victim)
        self.tally.kills[AT_RANDOM, victim] += 1

    def _load(self, number: int, seed: float, over: threading.Event, alive: dict[int, Client]) -> None:
        dice = random.Random(seed)
        while not over.is_set():
            client = self.client(dice.choice(LANGUAGES), "")
            try:
                while "end" not in client.said():
                    client.start()
                    alive[number] = client
                    client.go()
                    assert client.process is not None
                    client.process.wait(_PATIENCE)
                self.took(client)
            except Exception as problem:  # noqa: BLE001 - told, and the others go on
                self.tally.broken.append(f"at random, {client.folder.name}: {type(problem).__name__} {problem}")
            finally:
                alive.pop(number, None)
