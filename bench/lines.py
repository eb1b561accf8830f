"""A process that does work when it is asked to, line by line: `= ` begins each of its answers."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from typing import Self

from bench.interleaving import Unable

_ANSWER = "= "


class Lines:
    """Started and ready by ``with``."""

    def __init__(self, command: Sequence[str], environ: Mapping[str, str] | None = None) -> None:
        self.process = subprocess.Popen(
            command,
            env=None if environ is None else dict(environ),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )

    def __enter__(self) -> Self:
        self.ready()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def ready(self) -> None:
        self._answer()

    def close(self) -> None:
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.close()
        self.process.wait(60)
        self.process.stdout.close()

    def ask(self, question: str) -> str:
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(question + "\n")
        except BrokenPipeError:
            raise Unable(f"its process ended with {self.process.wait()}") from None
        return self._answer()

    def _answer(self) -> str:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.startswith(_ANSWER):
                return line.removeprefix(_ANSWER).strip()
        raise Unable(f"its process ended with {self.process.wait()}")
