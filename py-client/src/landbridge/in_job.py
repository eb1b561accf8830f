"""What code inside a job can report: metrics, parameters, tags, progress, values, files, plots.

Outside a job every function here does nothing, and the first one called says so once on standard error. Events are
lines of ``out/events.jsonl``, each appended by one write, so that threads and child processes never mix theirs. In a
sweep they carry the number of the point, which stands in the environment, so that child processes tell it too.
"""

from __future__ import annotations

import json
import math
import os
import shutil
import sys
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from landbridge.errors import ValueCannotCross
from landbridge.kinds import Json
from landbridge.objects import Crossing
from landbridge.scalars import EXACT_INTEGERS, number

FOLDER = "LANDBRIDGE_JOB_FOLDER"
POINT = "LANDBRIDGE_POINT"
_TEXT = 2000
_line = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode


class _Job:
    """The open job folder of this process."""

    def __init__(self, folder: str) -> None:
        self.folder = Path(folder)
        self.out = self.folder / "out"
        self._crossings: tuple[Json, Crossing] | None = None
        self._events = os.open(self.out / "events.jsonl", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)

    def append(self, event: str, fields: Json) -> None:
        at = datetime.now(UTC).isoformat(timespec="microseconds")[:-6] + "Z"
        line: Json = {"event": event, "at": at}
        point = os.environ.get(POINT)
        if point:
            line["point"] = int(point)
        os.write(self._events, _line(line | fields).encode() + b"\n")

    def close(self) -> None:
        os.close(self._events)

    @cached_property
    def document(self) -> Json:
        document: Json = json.loads((self.folder / "job.json").read_bytes())
        return document

    @cached_property
    def _points(self) -> dict[str, Json]:
        return {str(point["point"]): point for point in self.document.get("points") or []}

    @property
    def point(self) -> Json | None:
        """The point of a sweep that this process is at work on."""
        point = os.environ.get(POINT)
        return self._points.get(point) if point else None

    @property
    def crossing(self) -> Crossing:
        """What the job's own document says of the frames that it gives away."""
        point = self.point or {}
        if self._crossings is None or self._crossings[0] is not point:
            from landbridge.job_folder import crossing_of

            self._crossings = (point, crossing_of(self.document, point.get("values") or []))
        return self._crossings[1]


_open: dict[str, _Job] = {}
_said: set[str] = set()


def _job() -> _Job | None:
    folder = os.environ.get(FOLDER)
    if not folder:
        if not _said:
            _said.add(FOLDER)
            sys.stderr.write("landbridge: not inside a job, so nothing is recorded.\n")
        return None
    return _opened(folder)


def _opened(folder: str) -> _Job:
    job = _open.get(folder)
    if job is None:
        job = _open[folder] = _Job(folder)
    return job


def know(folder: str, document: Json) -> None:
    """The worker has read the folder's document: nothing here reads it again."""
    _opened(folder).document = document


def leave(folder: str) -> None:
    """Close the record of a job that has ended, where the process goes on."""
    job = _open.pop(folder, None)
    if job:
        job.close()


def append(event: str, **fields: Any) -> None:
    """One line of the job's events; nothing outside a job."""
    job = _job()
    if job:
        job.append(event, fields)


def log_metric(name: str, value: float, step: int | None = None) -> None:
    """Record a number, such as a loss, at a step or without one. NaN and infinities are kept."""
    job = _job()
    if job:
        job.append("metric", {"name": name, "value": number(float(value)), "step": None if step is None else int(step)})


def log_param(name: str, value: Any) -> None:
    """Record a parameter: text, a number, a bool or None; anything else as its text."""
    job = _job()
    if job:
        job.append("param", {"name": name, "value": _json_scalar(value)})


def _json_scalar(value: Any) -> Any:
    if hasattr(value, "item") and getattr(value, "ndim", None) == 0:
        value = value.item()
    if isinstance(value, bool | None):
        return value
    if isinstance(value, int):
        return int(value) if abs(value) <= EXACT_INTEGERS else str(int(value))
    if isinstance(value, float):
        return number(float(value))
    return clean(str(value))[:_TEXT]


def set_tag(name: str, value: str) -> None:
    """Set a tag of the job; the last one of a name counts."""
    append("tag", name=name, value=clean(str(value))[:_TEXT])


def progress(done: float, total: float | None = None, message: str | None = None) -> None:
    """Tell how far the job is: ``done`` of ``total``, in any unit. NaN and infinities tell nothing and are left out."""
    counts = [float(x) for x in (done, total) if x is not None]
    if all(math.isfinite(x) for x in counts):
        text = None if message is None else clean(str(message))[:_TEXT]
        append("progress", done=counts[0], total=None if total is None else counts[1], message=text)


def save_value(name: str, value: Any) -> None:
    """Keep a value in the job's record under ``name``, as a result would be kept."""
    job = _job()
    if job:
        from landbridge.objects import FolderSink
        from landbridge.values import encode

        sink = FolderSink(job.out / "objects", job.crossing)
        job.append("artifact", {"name": name, "value": encode(value, sink, name)})


def save_file(path: str | Path, name: str | None = None) -> None:
    """Keep a copy of a file in the job's record, under its own name or ``name``.

    Raises :class:`~landbridge.errors.ValueCannotCross` when there is no such file or the name has a slash.
    """
    job = _job()
    if job:
        _keep_file(job, Path(path), name)


def _keep_file(job: _Job, path: Path, name: str | None) -> None:
    from landbridge.files import media_type

    shown = path.name if name is None else name
    if not path.is_file():
        raise ValueCannotCross("path", f"there is no file `{path}`", "Give the path of one existing file.")
    if "/" in shown or "\0" in shown or shown in ("", ".", "..") or len(shown) > 200:
        raise ValueCannotCross("name", f"`{shown}` is no name for a file", "Use a short name without slashes.")
    stored = _stored(shown)
    temporary = job.out / "files" / f".{os.urandom(8).hex()}"
    shutil.copyfile(path, temporary)
    size = temporary.stat().st_size
    temporary.rename(job.out / "files" / stored)
    job.append("file", {"name": shown, "file": f"files/{stored}", "media_type": media_type(shown), "size": size})


def _stored(name: str) -> str:
    """The name of a kept file in its folder, which the points of a sweep share."""
    point = os.environ.get(POINT)
    return f"{point}-{name}" if point else name


def log_plot(name: str, plot: Any) -> None:
    """Keep a picture: a matplotlib figure as PNG, an altair chart as its Vega-Lite JSON.

    Raises :class:`~landbridge.errors.ValueCannotCross` for anything else.
    """
    job = _job()
    if not job:
        return
    library = type(plot).__module__.partition(".")[0]
    figure = plot.get_figure() if library == "matplotlib" and not hasattr(plot, "savefig") else plot
    shown = name if Path(name).suffix else f"{name}.{'json' if library == 'altair' else 'png'}"
    target = job.out / "files" / _stored(shown)
    if "/" in shown or shown in (".", ".."):
        raise ValueCannotCross("name", f"`{name}` is no name for a file", "Use a short name without slashes.")
    if hasattr(figure, "savefig"):
        figure.savefig(target, format="png", bbox_inches="tight")
        media = "image/png"
    elif library == "altair":
        target.write_text(plot.to_json())
        media = "application/vnd.vegalite+json"
    else:
        reason = f"it is of the type `{type(plot).__name__}`, neither a matplotlib figure nor an altair chart"
        raise ValueCannotCross(name, reason, "Draw it into a file and keep that with save_file().")
    size = target.stat().st_size
    job.append("file", {"name": name, "file": f"files/{target.name}", "media_type": media, "size": size})


def context() -> Json | None:
    """The job this code runs in: job, attempt, seed, experiment, tags, folder; None outside a job.

    In a point of a sweep they are the point's own, and ``point`` is its number.
    """
    folder = os.environ.get(FOLDER)
    if not folder:
        return None
    job = _opened(folder)
    document, point = job.document, job.point
    found = {
        "job": document["job"],
        "attempt": document["attempt"],
        "seed": document["seed"],
        "experiment": document["task"].get("experiment"),
        "tags": document["task"].get("tags") or {},
        "folder": folder,
    }
    return found if point is None else found | {"attempt": 1} | {name: point[name] for name in ("job", "seed", "point")}


def clean(text: str) -> str:
    """Text that has UTF-8: halves of surrogate pairs become their escapes."""
    return text.encode("utf-8", "backslashreplace").decode()
