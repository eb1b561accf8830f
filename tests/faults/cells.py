"""The cells of the kill matrix: where, whom, in which language; and what may come of each."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from landbridge_gateway.failpoints import STEPS

LANGUAGES = ("python", "r")
IN_THE_JOB = ("log half written", "result half written")
HELD = "held"  # from its first moment on: it cannot be done before it is killed
# While there is a process of the job that can be killed before it is done.
_JOB_LIVES = STEPS[STEPS.index("created") : STEPS.index("result seen")]
# While the request stands at one of these, the scheduler goes on.
_MEANWHILE = ("job row committed", "before the answer", "after the answer")
_MAY_HAVE_BEGUN = (*_MEANWHILE, *_JOB_LIVES)
_SIZE = 400_000  # bytes of the input: more than what is written of it at once

_PYTHON = """
def f(path, meet, where):
    import functools, os

    print("ran", flush=True)

    def wait():
        with open(meet + ".reached", "w") as there:
            there.write("here\\n")
        with open(meet + ".go") as here:
            here.readline()

    if where == "held":
        wait()
    if where == "log half written":
        print("half of a line", end="", flush=True)
        wait()
        print(" and the other")
    if where == "result half written":
        from landbridge.job_folder import JobFolder

        whole = JobFolder.publish

        def publish(self, name, document):
            (self.out / f".{name}.half.tmp").write_text('{"kind": ')
            wait()
            whole(self, name, document)

        JobFolder.publish = publish
    return [os.path.getsize(path), functools.partial(int, 7)]
"""
_R = """
f <- function(path, meet, where) {
  cat("ran\\n")
  flush(stdout())
  wait <- function() {
    there <- file(paste0(meet, ".reached"), "wb", raw = TRUE)
    writeLines("here", there)
    close(there)
    here <- file(paste0(meet, ".go"), "rb", raw = TRUE)
    readLines(here, 1)
    close(here)
  }
  if (where == "held") wait()
  if (where == "log half written") {
    cat("half of a line")
    flush(stdout())
    wait()
    cat(" and the other\\n")
  }
  if (where == "result half written") {
    own <- asNamespace("landbridge")
    whole <- own$finish_job
    unlockBinding("finish_job", own)
    assign("finish_job", function(folder, outcome) {
      cat("{\\"kind\\": ", file = file.path(folder, "out", ".result.json.half.tmp"))
      wait()
      whole(folder, outcome)
    }, envir = own)
  }
  list(file.size(path), stats::ecdf(1:7))
}
"""


@dataclass(frozen=True)
class Cell:
    step: str
    victim: str
    language: str
    contained: bool = False  # in containers, which outlive the warden

    @property
    def where(self) -> str:
        """What its job does: one that is to be killed waits for that, wherever the gateway is just then."""
        return self.step if self.step in IN_THE_JOB or self.victim != "job" else HELD

    def __str__(self) -> str:
        return f"{self.victim} at `{self.step}`, {self.language}"

    def may_end(self) -> set[str]:
        """The states that keep the promises."""
        if self.victim == "job":
            return {"failed"}
        if self.victim == "engine":
            return {"succeeded", "failed", "lost"}
        if self.victim in ("gateway", "client") or self.contained:
            return {"succeeded"}
        # Without containers a job is a child of the warden and ends with it: it is told as lost once it had begun.
        return {"succeeded", "lost"} if self.step in _MAY_HAVE_BEGUN else {"succeeded"}


def cells(victims: tuple[str, ...], languages: tuple[str, ...] = LANGUAGES) -> list[Cell]:
    return [
        Cell(step, victim, language)
        for language in languages
        for victim in victims
        for step in (_JOB_LIVES if victim == "job" else STEPS)
    ]


def times_run(home: Path, job: str) -> int:
    """How often a job's code ran, over all of its attempts."""
    return sum(log.read_text().count("ran\n") for log in (home / "depot" / "jobs" / job).glob("*/out/stdout.log"))


def given() -> bytes:
    return bytes(_SIZE)


def body(language: str, meet: str, where: str) -> dict[str, Any]:
    """A job that says each time that it runs, and returns a size and an object of its language."""
    texts = [{"kind": "scalar", "type": "str", "value": text, "na": False} for text in (meet, where)]
    values = [{"kind": "file", "object": "obj_given", "name": "given.bin"}, *texts]
    function = {"type": "source", "name": "f", "text": _PYTHON if language == "python" else _R}
    return {
        "protocol": 1,
        "task": {"language": language, "function": function},
        "values": {"items": [[None, node] for node in values]},
    }


def object_of(result: dict[str, Any]) -> str:
    """The object of a result, which must be that of our function."""
    size, native = (node for _, node in result["items"])
    assert int(float(size["value"])) == _SIZE, json.dumps(size)
    return str(native["object"])
