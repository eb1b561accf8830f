"""Reads what the worker of a sweep's chunk tells: points that begin and end, and what they report meanwhile."""

from __future__ import annotations

from typing import Any

from landbridge_gateway.depot.folders import Unreadable
from landbridge_gateway.depot.layout import JobFolder, Layout
from landbridge_gateway.depot.logs import STREAMS, log_tail, part_tail
from landbridge_gateway.depot.objects import RefusedFile
from landbridge_gateway.depot.outcome import Facts, Outcome, decide, failure
from landbridge_gateway.model import Cause, Exit, Json, State, attempt_id
from landbridge_gateway.scheduler.collect import MOST_WARNED, Collector, told
from landbridge_gateway.scheduler.decisions import Flight, not_on_disk
from landbridge_gateway.store.clock import as_timestamp, timestamp
from landbridge_gateway.store.jobs import Jobs
from landbridge_gateway.store.records import Reported
from landbridge_gateway.store.sweeps import Begun, Ended, Sweeps

_SIGNALLED = 128
_INLINE = ("null", "scalar")  # values that name no object
_PROTOCOL_HINT = "The image and the gateway may be of different versions: run `landbridge images build`."


class _Batch:
    """What one reading of the events came to."""

    def __init__(self) -> None:
        self.begun: dict[str, Begun] = {}
        self.ended: list[Ended] = []
        self.reported: list[Reported] = []
        self.problems: list[str] = []


class Chunks:
    """Keeps a flight's points as its worker tells them; all on the loop's thread."""

    def __init__(self, jobs: Jobs, sweeps: Sweeps, collector: Collector, layout: Layout) -> None:
        self._jobs, self._sweeps, self._collector, self._layout = jobs, sweeps, collector, layout

    def absorb(self, flight: Flight) -> bool:
        """Take in what was appended since the last time; whether a point began or ended."""
        moved = False
        while (found := self._absorb_batch(flight)) is not None:
            moved = moved or found
        return moved

    def _absorb_batch(self, flight: Flight) -> bool | None:
        offset = self._jobs.events_offset(flight.job, flight.number)
        if offset is None:
            return None
        folder = self.folder(flight)
        read = self._collector.events(flight.job, flight.number, offset)
        if read.offset == offset:
            return None
        batch = _Batch()
        if read.broken:
            batch.problems.append(f"{read.broken} lines are not JSON")
        known = dict(flight.chunk), flight.current, flight.since
        try:
            unfit = self._collector.unfit(read.events)
            for place, event in enumerate(read.events):
                self._take(batch, folder, flight, event, unfit.get(place))
            about = (flight.job, flight.number)
            if any(end.result and end.result["kind"] not in _INLINE for end in batch.ended):
                self._bring_to_disk(batch, flight)
            batch.reported += [(*about, told(problem)) for problem in batch.problems[:MOST_WARNED]]
            self._sweeps.record(*about, flight.owner, batch.begun, batch.ended, batch.reported, read.offset)
        except Exception:
            # Where nothing could be written down, on a full disk say, the same events are read again.
            flight.points, flight.current, flight.since = known
            raise
        return bool(batch.begun or batch.ended)

    def _bring_to_disk(self, batch: _Batch, flight: Flight) -> None:
        problem = self._collector.bring_points_to_disk(flight.job, flight.number)
        if problem:
            fields = _fields(not_on_disk(problem))
            batch.ended = [
                end._replace(result=None, **fields) if end.state is State.SUCCEEDED else end for end in batch.ended
            ]

    def _take(self, batch: _Batch, folder: JobFolder, flight: Flight, event: Json, unfit: str | None) -> None:
        points, number = flight.chunk, event.get("point")
        job = flight.job if number is None else points.get(number) if isinstance(number, int) else None
        if job is None:
            batch.problems.append("it speaks of a point that it does not have")
            return
        kept = self._collector.event(folder, job, flight.owner, event, unfit, batch.problems)
        if kept is None:
            return
        kind = kept["event"]
        if kind == "point" and number is not None:
            flight.current, flight.since = number, _time(kept["at"])
            # To the end of the logs, as long as it runs.
            logs = {stream: [kept[stream][0], None] for stream in STREAMS if stream in kept}
            batch.begun[job] = Begun(flight.since, logs or None)
        elif kind == "outcome" and number is not None:
            since = flight.since if flight.current == number else _time(kept["at"])
            ended = self._ended(folder, flight, job, kept, since)
            batch.ended.append(ended)
            batch.begun.pop(job, None)
            del points[number]
            flight.current = None
        else:
            batch.reported.append((job, flight.number if job == flight.job else 1, kept))

    def _ended(self, folder: JobFolder, flight: Flight, job: str, event: Json, since: str | None) -> Ended:
        logs = _printed(event)
        given: dict[str, Any] = {"job": job, "begun": since, "at": _time(event["at"]), "logs": logs or None}
        try:
            if "result" in event:
                return Ended(
                    **given, state=State.SUCCEEDED, result=self._result(folder, job, flight.owner, event["result"])
                )
        except (Unreadable, RefusedFile) as problem:
            outcome = failure(Cause.PROTOCOL, f"The point's result cannot be read: {problem}.", _PROTOCOL_HINT)
            return Ended(**given, **_fields(outcome))
        if "error" in event:
            return Ended(**given, state=State.FAILED, cause=Cause.ERROR, error=event["error"])
        outcome = _death(_exit_of(event["died"]), flight, None)
        if outcome.error is not None:
            outcome.error["log_tail"] = part_tail(folder, logs, self._collector.mask(flight.job, flight.number))
        return Ended(**given, **_fields(outcome))

    def _result(self, folder: JobFolder, job: str, owner: str, node: Json) -> Json:
        # Most points return a scalar, in which there is nothing to take over.
        return node if node["kind"] in _INLINE else self._collector.taken_over(folder, job, owner, node)

    def bury(self, flight: Flight, exited: Exit, stop: str | None) -> None:
        """The worker is gone, and the point that had begun with it."""
        if flight.current is None:
            return
        outcome = _death(exited, flight, stop)
        if outcome.error is not None:
            outcome.error["log_tail"] = log_tail(self.folder(flight), self._collector.mask(flight.job, flight.number))
        job = flight.chunk[flight.current]
        ended = Ended(job, begun=flight.since, at=timestamp(), **_fields(outcome))
        self._sweeps.record(flight.job, flight.number, flight.owner, {}, [ended], (), None)
        del flight.chunk[flight.current]
        flight.current = None

    def refuse(self, flight: Flight, lacking: dict[str, str]) -> None:
        """End points that lack an input."""
        hint = "Submit the job again with an input that exists."
        ended = [
            Ended(job, begun=None, at=timestamp(), **_fields(failure(Cause.INPUT, problem, hint)))
            for job, problem in lacking.items()
        ]
        self._sweeps.record(flight.job, flight.number, flight.owner, {}, ended, (), None)
        flight.points = {point: job for point, job in flight.chunk.items() if job not in lacking}

    def folder(self, flight: Flight) -> JobFolder:
        return self._layout.job_folder(attempt_id(flight.job, flight.number))


def _death(exited: Exit, flight: Flight, stop: str | None) -> Outcome:
    outcome = decide(Facts(exit=exited, stop_reason=stop, limits=flight.limits.as_json()))
    assert outcome is not None  # what has exited has come to something
    return outcome


def _exit_of(died: Json) -> Exit:
    number = died.get("signal")
    return Exit(_SIGNALLED + number if number else died.get("code") or 0, oom=bool(died.get("memory")))


def _printed(event: Json) -> Json:
    """Where what a point printed stands in the logs: of most points nothing does."""
    ranges = ((stream, event.get(stream)) for stream in STREAMS)
    return {stream: found for stream, found in ranges if found and found[0] != found[1]}


def _fields(outcome: Outcome) -> dict[str, Any]:
    return {"state": outcome.state, "cause": outcome.cause, "error": outcome.error}


def _time(text: str) -> str:
    """A worker's time where it is one, else the gateway's."""
    try:
        return as_timestamp(text)
    except (ValueError, OverflowError):
        return timestamp()
