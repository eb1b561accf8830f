"""Lays out the folder of an attempt: its task and values, with every job among these replaced by its result."""

from __future__ import annotations

import json
from collections.abc import Iterable

from landbridge_gateway.depot.folders import write_folder
from landbridge_gateway.depot.layout import JobFolder, Layout
from landbridge_gateway.depot.spare_folders import SpareFolders
from landbridge_gateway.depot.stamps import check_stamp
from landbridge_gateway.model import PROTOCOL, Json, attempt_id
from landbridge_gateway.nodes import NoSuchPart, names_nothing, nodes_of, objects_in, resolved, resolved_node, walk
from landbridge_gateway.scheduler.given import GivenSecrets
from landbridge_gateway.store.database import Row
from landbridge_gateway.store.jobs import Jobs, NewJob
from landbridge_gateway.store.objects import Objects
from landbridge_gateway.store.sweeps import Sweeps


class Specs:
    """Raises :class:`NoSuchPart` where a result lacks the part that is wanted, ``GatewayError`` where a secret is not
    there any more, and ``OSError``.
    """

    def __init__(self, jobs: Jobs, sweeps: Sweeps, objects: Objects, layout: Layout, given: GivenSecrets) -> None:
        self._jobs, self._sweeps, self._objects, self._layout = jobs, sweeps, objects, layout
        self._given, self._spares = given, SpareFolders(layout)

    def prepare(self) -> None:
        """Make the folders of jobs to come, when nobody waits for that."""
        self._spares.prepare()

    def write(self, job: str, number: int, token: str, session: str | None = None, held: bool = False) -> None:
        """The folder of a job, of a session (``held``), or of a call in one."""
        row = self._jobs.get(job)
        task, values = resolved(row["task"], row["values"], self._results([job]))
        wanted = set(objects_in(nodes_of(task, values)))
        self._lay_out(row, number, task, values, {"token": token}, wanted, session, held)

    def write_new(
        self, new: NewJob, token: str, session: str | None = None, held: bool = False, made: bool = False
    ) -> JobFolder:
        """The folder of the first attempt of a job that names no other; ``made`` says that it is there."""
        row = {"id": new.id, "owner": new.owner, "seed": new.seed}
        wanted = set(objects_in(nodes_of(new.task, new.values)))
        return self._lay_out(row, 1, new.task, new.values, {"token": token}, wanted, session, held, made=made)

    def write_chunk(self, sweep: str, number: int, token: str, points: list[Row]) -> dict[str, str]:
        """The folder of some points of a sweep. Gives those that lack an input, and why: they are not in it."""
        row = self._jobs.get(sweep)
        task, values = resolved(row["task"], row["values"], self._results([sweep]))
        wanted = set(objects_in(nodes_of(task, values)))
        results = self._results(point["job"] for point in points if '"job"' in point["values"])
        given, lacking = [], {}
        for point in points:
            own = point["values"]
            if not names_nothing(own):
                try:
                    nodes = [resolved_node(node, results) for node in json.loads(own)]
                except NoSuchPart as problem:
                    lacking[point["job"]] = str(problem)
                    continue
                wanted |= objects_in(inner for node in nodes for inner in walk(node))
                own = json.dumps(nodes)
            about = {name: point[name] for name in ("point", "job", "seed")}
            given.append(f'{json.dumps(about)[:-1]}, "values": {own}}}')
        self._lay_out(row, number, task, values, {"token": token}, wanted, points=given)
        return lacking

    def _results(self, jobs: Iterable[str]) -> dict[str, Json]:
        """What the inputs of jobs came to; of a sweep, the results of its points as a list."""
        found: dict[str, Json] = {}
        for given in {given for job in jobs for given in self._jobs.inputs(job)}:
            row = self._jobs.get(given)
            found[given] = row["result"] if row["unassigned"] is None else self._sweeps.results(given)
        return found

    def _lay_out(
        self,
        row: Row,
        number: int,
        task: Json,
        values: Json,
        more: Json,
        wanted: set[str],
        session: str | None = None,
        held: bool = False,
        points: list[str] | None = None,
        made: bool = False,
    ) -> JobFolder:
        # Whose they are was looked at when the job was submitted, by what its owner may see.
        objects = self._objects.formats(wanted)
        spec = {
            "protocol": PROTOCOL,
            "job": row["id"],
            "attempt": number,
            "task": task,
            "values": values,
            "seed": row["seed"],
            **more,
        }
        for object_id, expected in self._objects.stamps(objects).items():
            check_stamp(self._layout.object_file(object_id, objects[object_id]), object_id, expected)
        attempt = attempt_id(row["id"], number)
        if task.get("secrets"):
            self._given.give(attempt, row["owner"], task["secrets"])
        made = made or (session is None and self._spares.become(attempt))
        return write_folder(self._layout, attempt, spec, objects, session, held, points, made)
