"""Takes over what a worker left in its folder: events, objects, result or error."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from landbridge_gateway.depot.durable import problem_of_syncing, sync_files
from landbridge_gateway.depot.folders import (
    EventBatch,
    Unreadable,
    leave_inputs,
    note_adopted,
    read_adopted,
    read_events,
    read_json,
)
from landbridge_gateway.depot.layout import JobFolder, Layout
from landbridge_gateway.depot.logs import log_tail
from landbridge_gateway.depot.masking import Mask
from landbridge_gateway.depot.objects import RefusedFile, adopt
from landbridge_gateway.depot.outcome import Facts, Outcome, decide, remarks
from landbridge_gateway.depot.stamps import SETTLING, UNSURE
from landbridge_gateway.depot.written import written
from landbridge_gateway.failpoints import reach
from landbridge_gateway.model import EXTENSION_FORMATS, Exit, Json, Limits, Usage, new_id
from landbridge_gateway.nodes import NEW, objects_in, rewritten, walk, with_references
from landbridge_gateway.scheduler.given import GivenSecrets
from landbridge_gateway.scheduler.late_digests import LateDigests
from landbridge_gateway.schemas import Schemas
from landbridge_gateway.store.clock import timestamp
from landbridge_gateway.store.database import Database
from landbridge_gateway.store.jobs import Jobs
from landbridge_gateway.store.objects import Objects
from landbridge_gateway.store.records import Records

log = logging.getLogger(__name__)
MOST_WARNED = 5
_MANY = 256 * 1024  # bytes of events
_HELD_SECRET = "the result held the value of a secret, which is masked in it"
MOST_ADOPTED = 100_000  # files of one attempt: each becomes an object and a row


class Collector:
    """Safe from any thread: a page may ask for the record while the loop takes in the end of the job."""

    def __init__(self, database: Database, layout: Layout, schemas: Schemas, given: GivenSecrets) -> None:
        self._database, self._layout, self._schemas, self._given = database, layout, schemas, given
        self._jobs, self._records, self._objects = Jobs(database), Records(database), Objects(database)
        # Taken before a transaction, never within one of somebody else's.
        self.alone = threading.RLock()
        self._noted: tuple[Path | None, dict[str, str]] = None, {}
        self._digests = LateDigests(layout, self._objects)
        self._syncing = ThreadPoolExecutor(4, thread_name_prefix="sync")

    def absorb(self, job: str, number: int, owner: str) -> None:
        """Take in the events that were appended since the last time."""
        with self.alone:
            while self._absorb_batch(job, number, owner):
                pass

    def absorb_many(self, job: str, number: int, owner: str) -> None:
        """The same where there may be many: a transaction that takes in all of them keeps others from writing."""
        with suppress(OSError):
            if self._layout.job_folder(f"{job}.{number}").events.lstat().st_size > _MANY:
                self.absorb(job, number, owner)

    def _absorb_batch(self, job: str, number: int, owner: str) -> bool:
        """Whether there may be more."""
        offset = self._jobs.events_offset(job, number)
        if offset is None:
            return False
        folder = self._layout.job_folder(f"{job}.{number}")
        batch = self.events(job, number, offset)
        if batch.offset == offset:
            return False
        problems: list[str] = []
        unfit = self.unfit(batch.events)
        events = [
            event
            for place, given in enumerate(batch.events)
            if (event := self.event(folder, job, owner, given, unfit.get(place), problems))
        ]
        if batch.broken:
            problems.append(f"{batch.broken} lines are not JSON")
        events += [told(problem) for problem in problems[:MOST_WARNED]]
        self._records.absorb(job, number, events, batch.offset)
        return batch.more

    def events(self, job: str, number: int, offset: int) -> EventBatch:
        """The events of an attempt from ``offset`` on."""
        batch = read_events(self._layout.job_folder(f"{job}.{number}"), offset)
        mask = self.mask(job, number)
        return replace(batch, events=mask.in_json(batch.events)) if mask else batch

    def mask(self, job: str, number: int) -> Mask | None:
        """What hides the secrets that an attempt was given, if there were any."""
        return self._given.mask(f"{job}.{number}")

    def unfit(self, events: list[Json]) -> dict[int, str]:
        """Of each event that is not as events are, by its place: what is wrong with it."""
        found = self._schemas.problems("event", events)
        return {place: f"`{path or events[place].get('event')}` {said}" for place, (path, said) in found.items()}

    def event(
        self, folder: JobFolder, job: str, owner: str, event: Json, unfit: str | None, problems: list[str]
    ) -> Json | None:
        """The event with every file in it adopted; None where it cannot be kept, which is added to the problems."""
        if unfit:
            problems.append(unfit)
            return None
        try:
            if event["event"] == "artifact":
                node = self.taken_over(folder, job, owner, event["value"])
                return event | {"value": node}
            if event["event"] == "file":
                source = folder.out / event["file"]
                return event | {"object": self._adopt(folder, job, owner, source, "file", event["name"])}
        except (RefusedFile, Unreadable) as error:
            problems.append(str(error))
            return None
        return event

    def outcome(
        self,
        job: str,
        number: int,
        owner: str,
        limits: Limits,
        exited: Exit | None,
        stop: str | None,
        usage: Usage | None = None,
    ) -> Outcome | None:
        """What became of the attempt, or None while there is nothing to say yet."""
        folder, mask = self._layout.job_folder(f"{job}.{number}"), self.mask(job, number)
        given: dict[str, Any] = {"exit": exited, "stop_reason": stop, "limits": limits.as_json(), "usage": usage}
        try:
            # An error that was published is looked for first: a result beside it would be a worker's mistake.
            error = self.published(folder.error, "error")
            result = self.published(folder.result, "value") if error is None else None
            if result is not None:
                reach("result validated")
                result = self.taken_over(folder, job, owner, self._without_secrets(job, number, result))
                reach("result renamed")
            facts = Facts(result=result, error=error, **given)
        except (Unreadable, RefusedFile) as problem:
            facts = Facts(unreadable=str(problem), **given)
        if facts.result is None and (facts.error is not None or exited):
            # Looked at only where something went wrong: a result waits for none of this.
            self.absorb(job, number, owner)
            left = self._records.latest_report(job, number, "exit") is not None
            facts = replace(facts, written=written(folder), left=left)
        found = decide(facts)
        if found and (facts.result is not None or facts.error is not None):
            self._warn(job, number, remarks(facts))
        if found and found.error is not None and facts.error is None:
            found.error["log_tail"] = log_tail(folder, mask)
        if mask and found:
            found = replace(found, error=mask.in_json(found.error))
        return found

    def _without_secrets(self, job: str, number: int, result: Json) -> Json:
        mask = self.mask(job, number)
        if not mask:
            return result
        hidden: Json = mask.in_json(result)
        attempt = self._jobs.attempt(job, number)
        if hidden != result and attempt:
            self._records.absorb(job, number, [told(_HELD_SECRET)], attempt["events_offset"])
        return hidden

    def _warn(self, job: str, number: int, sentences: list[str]) -> None:
        """What the kernel did to a job that came to a result or an error of its own all the same."""
        if sentences:
            events = [_warning(sentence) for sentence in sentences]
            with self._database.write(durable=False) as db:
                self._records.store(db, ((job, number, event) for event in events))

    def published(self, path: Path, schema: str) -> Json | None:
        """What a worker published in its folder, if it did. Raises :class:`Unreadable`."""
        if not os.path.lexists(path):
            return None  # most often: to look takes less than to open and to fail
        try:
            document = read_json(path)
        except FileNotFoundError:
            return None
        found = self._schemas.problem(schema, document)
        if found:
            raise Unreadable(f"{path.name}: `{found[0]}` {found[1]}")
        return document

    def taken_over(self, folder: JobFolder, job: str, owner: str, node: Json) -> Json:
        """The node with every new file adopted and named by its object's id."""
        nodes = list(walk(node))
        if any(inner["kind"] == "job" for inner in nodes):
            raise Unreadable("a worker's value cannot name a job")
        self._refuse_foreign(folder, {ref for ref in objects_in(nodes) if not ref.startswith(NEW)})

        self._refuse_other_formats(folder, nodes)

        def change(inner: Json) -> Json:
            return with_references(inner, lambda reference: adopted(reference, inner.get("name")))

        def adopted(reference: str, name: Any) -> str:
            if not reference.startswith(NEW):
                return reference
            source = folder.objects / reference.removeprefix(NEW)
            format = EXTENSION_FORMATS.get(source.suffix, "file")
            return self._adopt(folder, job, owner, source, format, name)

        return rewritten(node, change)

    def _refuse_foreign(self, folder: JobFolder, references: set[str]) -> None:
        # A handle that was only passed through keeps its object; any other id is not the job's to give.
        if references:
            inputs = {path.stem for path in folder.inputs.glob("obj_*")}
            for reference in sorted(references - inputs):
                raise Unreadable(f"it names {reference}, which was not given to the job")

    def _refuse_other_formats(self, folder: JobFolder, nodes: Iterable[Json]) -> None:
        # A file that was never meant to be loaded cannot be called a native object later on.
        natives = [node for node in nodes if node["kind"] == "native"]
        if natives:
            given = {path.stem: path.suffix for path in folder.inputs.glob("obj_*")}
            for node in natives:
                suffix = given.get(node["object"]) or Path(node["object"]).suffix
                if EXTENSION_FORMATS.get(suffix) != node["codec"]:
                    raise Unreadable(f"it calls {node['object']} a native object of the codec {node['codec']}")

    def _adopt(self, folder: JobFolder, job: str, owner: str, source: Path, format: str, name: Any) -> str:
        key = f"{source.parent.name}/{source.name}"
        object_id = self._adopted(folder).get(key)
        # A file that was saved again under the same name is another one.
        if object_id is None or (source.exists() and source.parent == folder.files):
            if len(self._adopted(folder)) >= MOST_ADOPTED:
                raise RefusedFile(f"`{source.name}` is beyond the {MOST_ADOPTED} files that are kept of a job")
            object_id = new_id("obj")
            note_adopted(folder, key, object_id)
            self._adopted(folder)[key] = object_id
        stored = adopt(self._layout, source, format, object_id)
        if not self._objects.exists(object_id):
            self._objects.add(
                id=object_id, owner=owner, origin=job, format=format, name=name, size=stored.size, digest=None
            )
        return object_id

    def _adopted(self, folder: JobFolder) -> dict[str, str]:
        """What was adopted from a folder so far; the last folder's is kept, because a chunk may leave thousands."""
        path, known = self._noted
        if path != folder.path:
            known = read_adopted(folder)
            self._noted = folder.path, known
        return known

    def bring_to_disk(self, paths: list[Path], done: Callable[[OSError | None], None]) -> None:
        """Let files be brought to the disk while others go on; ``done`` is told the error, from another thread."""
        self._syncing.submit(lambda: done(problem_of_syncing(paths)))

    def bring_points_to_disk(self, sweep: str, chunk: int) -> OSError | None:
        """The same for what the points of a chunk made, at once."""
        return problem_of_syncing(self.made(sweep, chunk))

    def made(self, job: str, number: int) -> list[Path]:
        """The files of the objects that an attempt made, of which nobody knows yet whether they are on the disk."""
        if not self._adopted(self._layout.job_folder(f"{job}.{number}")):
            return []
        rows = self._objects.without_digest(job, number)
        return [self._layout.object_file(row["id"], row["format"]) for row in rows]

    def digest_soon(self, object_id: str, format: str) -> None:
        """Compute the digest of a file that a client sent or handed over, while nobody waits for it."""
        self._digests.put_off(lambda: [{"id": object_id, "format": format}])

    def finish(self, job: str, number: int, owner: str) -> None:
        """After the container's end: the last events, and the links to the inputs."""
        self.absorb(job, number, owner)
        self.leave_inputs(f"{job}.{number}")
        reach("temp cleaned")

    def leave_inputs(self, attempt: str) -> None:
        """Drop the links to what an attempt was given."""
        leave_inputs(self._layout.job_folder(attempt))

    def digest_results(self, job: str, number: int) -> None:
        self._digests.put_off(lambda: self._objects.without_digest(job, number))

    def catch_up(self) -> None:
        """Make the digests that an earlier gateway did not come to."""
        self._digests.put_off(lambda: self._objects.all_without_digest(but=(UNSURE, SETTLING)))

    def close(self) -> None:
        """Bring to the disk what is not there yet. Raises ``OSError``."""
        self._syncing.shutdown(wait=True)
        self._digests.close()
        left = self._objects.handed_without_digest()
        sync_files(self._layout.object_file(row["id"], row["format"]) for row in left)


def told(problem: str) -> Json:
    return _warning(f"Part of what the job reported could not be kept: {problem}.")


def _warning(message: str) -> Json:
    return {"event": "warning", "at": timestamp(), "message": message, "category": "landbridge"}
