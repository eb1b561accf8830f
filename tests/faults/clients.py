"""A client that is killed and begun again, seen from outside."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests import processes
from tests.patience import NeverCame, ended, until
from tests.serving import Serving

_ASKING = Path(__file__).with_name("asking.py")
KILLED = -9


@dataclass
class Client:
    """One client that is killed, or not; a second one goes on with what the first had learnt."""

    serving: Serving
    folder: Path
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        port = self.serving.url.rpartition(":")[2]
        command = [sys.executable, "-I", "-S", str(_ASKING), "127.0.0.1", port, self.serving.token, str(self.folder)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE)

    def go(self, stay: bool = False) -> None:
        """It may submit, and end when it knows how that ended; one that is to ``stay`` does not end by itself."""
        assert self.process is not None and self.process.stdin is not None
        with suppress(BrokenPipeError):
            self.process.stdin.write(b"\n")
            self.process.stdin.flush()
            if not stay:
                self.process.stdin.close()

    def kill(self) -> bool:
        """Was it alive, and is gone now?"""
        process = self.process
        assert process is not None
        hit = processes.kill(process.pid, lambda: process.poll() is None)
        if process.stdin is not None:
            with suppress(BrokenPipeError):
                process.stdin.close()
        # It may have been ending by itself already.
        return ended(process, "a client that was killed") == KILLED and hit

    def learn(self, fact: str) -> Any:
        """What it will have said of one thing, though it goes on."""
        until(lambda: fact in self.said() or self._is_over(), f"what a client says of `{fact}`", instead=self.said)
        assert fact in self.said(), f"the client ended with {self._is_over()}: {self.said()}"
        return self.said()[fact]

    def _is_over(self) -> str | None:
        assert self.process is not None
        code = self.process.poll()
        return None if code is None else str(code)

    def ended(self) -> int:
        """Its exit code, when it has ended."""
        assert self.process is not None
        try:
            return ended(self.process, f"the client of {self.folder}")
        except NeverCame as problem:
            raise AssertionError(f"{problem}. It said {self.said()}. {self.serving.story()}") from None

    def end(self) -> dict[str, Any]:
        """What it said, when it has ended."""
        code, said = self.ended(), self.said()
        # One that is killed when it has said all, before it is gone, has said all.
        assert code == 0 or "end" in said, f"the client ended with {code}: {said}"
        return said

    def close(self) -> None:
        """Whatever became of it, nothing of it is left."""
        if self.process is not None:
            self.kill()

    def said(self) -> dict[str, Any]:
        path, found = self.folder / "said", {}
        for line in path.read_text().splitlines() if path.exists() else []:
            with suppress(ValueError):  # a line that is only half there, yet or for ever
                found |= json.loads(line)
        return found
