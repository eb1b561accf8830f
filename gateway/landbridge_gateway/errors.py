"""Every error the gateway answers with.

    GatewayError                 code, HTTP status, sentence, way out
    ├── Unauthorized             401
    ├── Forbidden                403
    ├── NotFound                 404
    │   ├── UnknownJob
    │   ├── JobRemoved           410
    │   ├── UnknownObject
    │   ├── UnknownUpload
    │   ├── UnknownToken
    │   └── UnknownSecret
    ├── MethodNotAllowed         405
    ├── Conflict                 409
    │   └── SecretSealed
    ├── TooLarge                 413
    ├── UnsupportedMediaType     415
    ├── RangeNotSatisfiable      416
    ├── InvalidRequest           400
    ├── InvalidField             422
    │   ├── UnknownRuntime
    │   ├── CodeDoesNotParse
    │   └── DigestMismatch
    ├── TooManyJobs              429
    ├── TooManyWaiting           429
    ├── TooManyUploads           429
    ├── TooManyAttempts          429
    ├── Overloaded               503
    ├── DiskFull                 507
    ├── QuotaExceeded            507
    ├── DiskFailed               500
    ├── StoreGone                500
    ├── BadBackup
    ├── UnfitHome                     at the start only
    │   ├── StoreDamaged
    │   └── NewerHome
    └── InternalError            500

The codes are the contract of docs/protocol.md: both clients turn them into exceptions and conditions of the same name.
"""

from __future__ import annotations

import errno
import re
from pathlib import Path
from typing import Any

_ID = re.compile(r"[0-9A-Za-z_.-]{1,60}")


class GatewayError(Exception):
    """One typed answer: ``message`` is a sentence that names the thing, ``hint`` the way out."""

    code = "internal_error"
    status = 500
    retry_after: int | None = None  # seconds after which the same call may succeed

    def __init__(self, message: str, hint: str | None = None, **detail: Any) -> None:
        # What a sentence names may come from anybody, and a sentence is one line.
        self.message = "".join(part if part.isprintable() else "?" for part in message)
        super().__init__(self.message)
        self.hint = hint
        self.detail = detail

    def as_json(self) -> dict[str, Any]:
        """The one error shape of the HTTP contract."""
        return {"error": {"code": self.code, "message": self.message, "hint": self.hint, "detail": self.detail}}


class InternalError(GatewayError):
    """Something of ours broke; the answer carries an id to look up in the gateway's log, never a trace."""


class Unauthorized(GatewayError):
    code, status = "unauthorized", 401


class Forbidden(GatewayError):
    code, status = "forbidden", 403


class NotFound(GatewayError):
    code, status = "not_found", 404


def _called(name: str) -> str:
    """An id as a sentence names it; what cannot be one is not repeated."""
    return f" `{name}`" if _ID.fullmatch(name) else " of that name"


class UnknownJob(NotFound):
    code = "unknown_job"

    def __init__(self, job: str) -> None:
        detail = {"job": job} if _ID.fullmatch(job) else {}
        super().__init__(f"There is no job{_called(job)}.", "Look at the list of jobs for the ids there are.", **detail)


class JobRemoved(NotFound):
    """There was such a job; `landbridge gc` removed it."""

    code, status = "job_removed", 410

    def __init__(self, job: str, name: str, state: str, removed: str) -> None:
        super().__init__(
            f"The job `{job}` ({name}, {state}) was removed by `landbridge gc` on {removed[:10]}.",
            "Submit it again, or restore a backup that is older.",
            job=job,
            state=state,
            removed=removed,
        )


class UnknownObject(NotFound):
    code = "unknown_object"

    def __init__(self, object_id: str) -> None:
        super().__init__(f"There is no object{_called(object_id)}.", "Upload it first, or take the id from a job.")


class UnknownUpload(NotFound):
    code = "unknown_upload"

    def __init__(self, upload_id: str) -> None:
        super().__init__(
            f"There is no upload{_called(upload_id)}: it was given up, or never begun.", "Begin another one."
        )


class UnknownToken(NotFound):
    code = "unknown_token"

    def __init__(self, name: str) -> None:
        super().__init__(f"There is no token `{name}`.", "`landbridge token list` shows those there are.")


class UnknownSecret(NotFound):
    code = "unknown_secret"

    def __init__(self, name: str) -> None:
        super().__init__(
            f"You have no secret `{name}` here.", f"Store it first: landbridge secret set {name}.", name=name
        )


class MethodNotAllowed(GatewayError):
    code, status = "method_not_allowed", 405


class Conflict(GatewayError):
    code, status = "conflict", 409


class SecretSealed(Conflict):
    code = "secret_sealed"

    def __init__(self, name: str) -> None:
        super().__init__(
            f"The secret `{name}` was sealed with another key than this home's.",
            f"Set it again: landbridge secret set {name}.",
            name=name,
        )


class TooLarge(GatewayError):
    code, status = "too_large", 413


class UnsupportedMediaType(GatewayError):
    code, status = "unsupported_media_type", 415


class RangeNotSatisfiable(GatewayError):
    code, status = "range_not_satisfiable", 416


class InvalidRequest(GatewayError):
    code, status = "invalid_request", 400


class InvalidField(GatewayError):
    """A field is unknown, missing, or of the wrong type; ``detail.field`` is its path."""

    code, status = "invalid_field", 422


class UnknownRuntime(InvalidField):
    code = "unknown_runtime"


class CodeDoesNotParse(InvalidField):
    code = "code_does_not_parse"

    def __init__(self, file: str, message: str, line: int) -> None:
        super().__init__(
            f"{file} does not parse: {message} (line {line}).", "Mend the code and submit again.", file=file, line=line
        )


class DigestMismatch(InvalidField):
    code = "digest_mismatch"


class TooManyJobs(GatewayError):
    """The queue is full: ``detail.most`` jobs wait already, of all owners or (``detail.whose``) of this one."""

    code, status, retry_after = "too_many_jobs", 429, 5

    def __init__(self, most: int, whose: str, setting: str) -> None:
        of_whom = "of yours " if whose == "owner" else ""
        super().__init__(
            f"{most} jobs {of_whom}wait already, which is as many as this gateway takes.",
            f"Wait until some have run, cancel what is not needed, or raise LANDBRIDGE_{setting.upper()}.",
            most=most,
            whose=whose,
        )


class TooManyWaiting(GatewayError):
    """As many requests wait as may; ``detail.most`` says how many that is."""

    code, status, retry_after = "too_many_waiting", 429, 1

    def __init__(self, most: int) -> None:
        super().__init__(
            f"{most} requests wait already, which is as many as this gateway holds.",
            "Try again in a second, or raise LANDBRIDGE_WAITING.",
            most=most,
        )


class TooManyUploads(GatewayError):
    """As many uploads in parts are open as may be; ``detail.most`` says how many that is."""

    code, status, retry_after = "too_many_uploads", 429, 2

    def __init__(self, most: int) -> None:
        super().__init__(
            f"{most} uploads are open already, which is as many as this gateway takes.",
            "Try again when one has ended, or raise LANDBRIDGE_UPLOADS.",
            most=most,
        )


class TooManyAttempts(GatewayError):
    """Too many wrong tokens came from one place, which is not listened to for a while."""

    code, status = "too_many_attempts", 429

    def __init__(self, seconds: int) -> None:
        super().__init__(
            "Too many wrong tokens came from there.",
            f"Try again in {seconds} s, with the right one; on the gateway's machine `landbridge token` prints it.",
        )
        self.retry_after = seconds


class DiskFull(GatewayError):
    """Nothing of what was asked for is kept; the same call succeeds when there is room again."""

    code, status = "disk_full", 507

    def __init__(self) -> None:
        super().__init__("The gateway's disk is full.", "Make room there; `landbridge doctor` shows how much there is.")


class QuotaExceeded(GatewayError):
    """An owner's uploads would take more than they may; nothing of what was sent is kept.

    ``detail.used`` bytes are stored or on their way, of ``detail.quota``; ``detail.more`` is what has no room.
    """

    code, status = "quota_exceeded", 507

    def __init__(self, used: int, quota: int, more: int) -> None:
        super().__init__(
            f"Your uploads take {used:,} of the {quota:,} bytes that they may; {more:,} more have no room.",
            "Remove old ones with `landbridge gc`, or ask the administrator to raise LANDBRIDGE_QUOTA.",
            used=used,
            quota=quota,
            more=more,
        )


class DiskFailed(GatewayError):
    """Nothing of what was asked for is kept, and nothing is taken as long as it is so."""

    code, status = "disk_failed", 500

    def __init__(self) -> None:
        super().__init__(
            "The gateway's disk does not take what is written to it.", "Look at the disk; the gateway's log says more."
        )


_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_FAILED = (errno.EIO, errno.EROFS)
_TOO_MANY_FILES = (errno.EMFILE, errno.ENFILE)


def is_disk_full(error: BaseException) -> bool:
    """Did something fail because there is no room on the disk?"""
    return isinstance(error, DiskFull) or (isinstance(error, OSError) and error.errno in _FULL)


def trouble(error: BaseException) -> GatewayError | None:
    """What to answer where it is the machine that fails; the same may succeed later. None for all else."""
    if isinstance(error, DiskFull | DiskFailed | StoreGone | Overloaded):
        return error
    number = error.errno if isinstance(error, OSError) else None
    if number in _FULL:
        return DiskFull()
    if number in _FAILED:
        return DiskFailed()
    if number in _TOO_MANY_FILES:
        return Overloaded("The gateway has as many files open as it may.", "Try again in a second.")
    return None


class StoreGone(GatewayError):
    """The database was removed or replaced. Nothing is taken any more, and no empty one is made in its place."""

    code, status = "store_gone", 500

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"The gateway's database {path.name} is not where it was.",
            "Stop the gateway, put the folder back as it was or restore a backup into a new one, and start it again.",
        )


class BadBackup(GatewayError):
    """A backup that is not whole, or none; ``why`` goes on with a sentence."""

    code, status = "bad_backup", 422

    def __init__(self, why: str) -> None:
        super().__init__(f"The backup cannot be restored: {why}.", "Nothing was made of it. Use another one.")


class UnfitHome(GatewayError):
    """A gateway does not start on this folder."""

    code, status = "unfit_home", 500


class StoreDamaged(UnfitHome):
    code = "store_damaged"


class NewerHome(UnfitHome):
    code = "newer_home"

    def __init__(self, path: Path, steps: list[str]) -> None:
        super().__init__(
            f"The database {path} was made by a newer version of Landbridge ({', '.join(steps)}).",
            "Use that version, or restore a backup that this one made.",
        )


class Overloaded(GatewayError):
    code, status, retry_after = "overloaded", 503, 1
