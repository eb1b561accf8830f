"""P1: a no-op job, submit to result, beside `docker run` and the peers.

What people keep running is running before the clock starts, ours and theirs alike.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from bench.cold import DOCKER, DOCKER_PROVIDES, docker_run, job
from bench.figures import OURS, PROVIDES, Budget, Contender, Figure
from bench.interleaving import Unable, interleaved
from bench.peers import rows_without, working
from bench.run import Run

_BUDGETS = (
    Budget(1 / 25, beside=DOCKER),
    Budget(1 / 50, beside=DOCKER, aim=True),
    Budget(1 / 8, "p99", beside=DOCKER),
)


def measure(run: Run) -> list[Figure]:
    """Both languages in the same rounds, so that they can be compared with each other too."""
    peers = [peer for peer in run.peers if "P1" in peer.beside]
    with working(peers) as (there, missing):
        contenders: dict[str, Callable[[], float]] = {}
        provides: dict[str, tuple[str, ...]] = {}
        for language in run.languages:
            contenders[_of(OURS, language)] = partial(_warm, run, language)
            contenders[_of(DOCKER, language)] = partial(_rested, run, docker_run(run.serving, language))
            provides |= {_of(OURS, language): PROVIDES, _of(DOCKER, language): DOCKER_PROVIDES}
        contenders |= {name: partial(_rested, run, partial(one.ask, "call")) for name, one in there.items()}
        provides |= {name: one.peer.provides for name, one in there.items()}
        taken = interleaved(contenders, run.samples, provides)
    absent = rows_without(peers, missing)
    found = []
    for language in run.languages:
        names = {_of(OURS, language): OURS, _of(DOCKER, language): DOCKER}
        names |= {peer.name: peer.name for peer in peers}
        beside = [_called(taken.get(key) or absent[key], name) for key, name in names.items()]
        title = f"no-op job in a container that no job used before, submit to result, {language}"
        found.append(Figure("P1", title, "ms", beside, _BUDGETS, language))
    return [*found, *_between(run, taken)]


def _between(run: Run, taken: dict[str, Contender]) -> list[Figure]:
    if set(run.languages) != {"python", "r"}:
        return []
    ours = [_called(taken[_of(OURS, language)], language) for language in ("r", "python")]
    title = "the same no-op job in R beside Python"
    return [Figure("P1", title, "ms", ours, [Budget(1.3, beside="python")], "languages")]


def _warm(run: Run, language: str) -> float:
    if not any(one["language"] == language and one["ready"] for one in run.rest()):
        raise Unable("no container waited for a job")
    taken, made = job(language)
    assert made.document["environment"]["warm"] is True
    return taken


def _rested(run: Run, work: Callable[[], float]) -> float:
    run.rest()
    return work()


def _of(name: str, language: str) -> str:
    return f"{name}, {language}"


def _called(one: Contender, name: str) -> Contender:
    return Contender(name, one.samples, one.provides, one.missing)
