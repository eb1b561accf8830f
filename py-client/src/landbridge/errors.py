"""Every error of the client and the worker.

    LandbridgeError                  .code .message .hint .detail
    ├── GatewayError                 what the gateway answered
    │   ├── Unauthorized, Forbidden
    │   ├── NotFound
    │   │   ├── UnknownJob
    │   │   ├── JobRemoved           by `landbridge gc`
    │   │   ├── UnknownObject
    │   │   ├── UnknownUpload
    │   │   ├── UnknownToken
    │   │   └── UnknownSecret        also inside a job that was not given it, and outside one
    │   ├── MethodNotAllowed, TooLarge, UnsupportedMediaType, RangeNotSatisfiable, InvalidRequest
    │   ├── Conflict
    │   │   └── SecretSealed
    │   ├── InvalidField
    │   │   ├── UnknownRuntime
    │   │   └── DigestMismatch
    │   ├── TooManyRequests          the gateway is full; tried again for half a minute
    │   │   ├── TooManyJobs
    │   │   ├── TooManyWaiting
    │   │   ├── TooManyUploads
    │   │   └── TooManyAttempts      too many wrong tokens came from this place
    │   ├── Overloaded
    │   ├── StoreGone                the gateway's database was removed or replaced
    │   ├── DiskFailed               the gateway's disk does not take what is written to it
    │   ├── QuotaExceeded            this owner's uploads take as much as they may
    │   ├── DiskFull                 also found where this client writes into the gateway's folder
    │   └── InternalError
    ├── ConnectionProblem
    │   ├── GatewayUnreachable       nobody answers
    │   ├── ProtocolMismatch         another version, or no Landbridge at all
    │   └── BadAnswer                an answer that breaks the contract
    ├── SubmitError                  found before anything was sent
    │   ├── UnknownOption
    │   ├── UnknownArgument
    │   ├── MissingArgument
    │   ├── CodeDoesNotParse         also answered by the gateway
    │   ├── FunctionNotCaptured
    │   └── ValueCannotCross
    └── ResultError                  there is no result to hand out
        ├── JobFailed, JobCancelled, JobLost
        ├── WaitTimeout              also a TimeoutError
        ├── NeedsTrust
        └── CodecMissing

The codes are the snake_case of the names and the same as in R.
"""

from __future__ import annotations

import re
from typing import Any


class LandbridgeError(Exception):
    """``message`` is a sentence that names the thing, ``hint`` the way out, ``detail`` facts for programs."""

    code = "landbridge_error"

    def __init_subclass__(cls) -> None:
        cls.code = re.sub(r"(?<=.)(?=[A-Z])", "_", cls.__name__).lower()

    def __init__(self, message: str, hint: str | None = None, **detail: Any) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.detail = detail

    def __str__(self) -> str:
        return f"{self.message}\n{self.hint}" if self.hint else self.message


class GatewayError(LandbridgeError):
    """The gateway refused; the sentence is its own. ``retry_after`` is in seconds, where it said so."""

    retry_after: float | None = None


class Unauthorized(GatewayError): ...


class Forbidden(GatewayError): ...


class NotFound(GatewayError): ...


class UnknownJob(NotFound): ...


class JobRemoved(NotFound):
    """There was such a job, and it was removed: ``detail["state"]`` is how it had ended."""


class UnknownObject(NotFound): ...


class UnknownUpload(NotFound): ...


class UnknownToken(NotFound): ...


class UnknownSecret(NotFound): ...


class MethodNotAllowed(GatewayError): ...


class Conflict(GatewayError): ...


class SecretSealed(Conflict):
    """It was sealed with another key than the gateway's own, and is to be set again."""


class TooLarge(GatewayError): ...


class UnsupportedMediaType(GatewayError): ...


class RangeNotSatisfiable(GatewayError): ...


class InvalidRequest(GatewayError): ...


class InvalidField(GatewayError): ...


class UnknownRuntime(InvalidField): ...


class DigestMismatch(InvalidField): ...


class TooManyRequests(GatewayError):
    """The gateway takes no more for now. The client has tried again already, for as long as it is patient."""


class TooManyJobs(TooManyRequests):
    """As many jobs wait as the gateway takes: ``detail["most"]``, of all or (``detail["whose"]``) of this owner."""


class TooManyWaiting(TooManyRequests): ...


class TooManyUploads(TooManyRequests): ...


class TooManyAttempts(TooManyRequests): ...


class StoreGone(GatewayError): ...


class QuotaExceeded(GatewayError):
    """``detail["used"]`` bytes of this owner's uploads are kept, of ``detail["quota"]`` that may be."""


class DiskFull(GatewayError): ...


class DiskFailed(GatewayError): ...


class Overloaded(GatewayError): ...


class InternalError(GatewayError): ...


class ConnectionProblem(LandbridgeError):
    """The way to the gateway."""


class GatewayUnreachable(ConnectionProblem):
    def __init__(self, url: str, cause: str | None = None) -> None:
        super().__init__(
            f"No gateway answers at {url}.",
            "Start one with `landbridge serve`, or set LANDBRIDGE_URL.",
            url=url,
            cause=cause,
        )


class ProtocolMismatch(ConnectionProblem): ...


class BadAnswer(ConnectionProblem): ...


class SubmitError(LandbridgeError):
    """Found before anything was sent."""


class UnknownOption(SubmitError): ...


class UnknownArgument(SubmitError): ...


class MissingArgument(SubmitError): ...


class CodeDoesNotParse(SubmitError): ...


class FunctionNotCaptured(SubmitError):
    def __init__(self, function: str, reason: str, hint: str | None = None) -> None:
        super().__init__(f"`{function}` cannot be captured: {reason}.", hint, function=function, reason=reason)


class ValueCannotCross(SubmitError):
    """``path`` is where the value stands, such as ``x["a"][1]``; for a frame's column ``detail`` may tell the row."""

    def __init__(self, path: str, reason: str, hint: str | None = None, **detail: Any) -> None:
        super().__init__(f"`{path}` cannot cross: {reason}.", hint, path=path, reason=reason, **detail)


class ResultError(LandbridgeError):
    """There is no result to hand out."""


class JobCancelled(ResultError): ...


class JobLost(ResultError):
    """Nobody knows what the job did; the text shows the last lines that it printed."""

    def __str__(self) -> str:
        from landbridge.traces import log_lines

        lines = [self.message, *log_lines((self.detail.get("remote") or {}).get("log_tail"))]
        return "\n".join(lines + ([self.hint] if self.hint else []))


class WaitTimeout(ResultError, TimeoutError): ...


class NeedsTrust(ResultError):
    def __init__(self, language: str, kind: str) -> None:
        super().__init__(
            f"The result is a {language} object of class {kind}; it is loaded only when trusted.",
            "Call job.result(trust=True) if you trust the job's code.",
        )


class CodecMissing(ResultError): ...


class JobFailed(ResultError):
    """A job's own error, or its death, with what is known of it.

    ``remote`` is the error of docs/protocol.md: type, classes, message, frames, warnings, and of a death ``log_tail``,
    the last lines by stream (of a failed environment ``log_tail["build"]``). The text shows the remote
    traceback with its source lines; frames of the worker itself are left out, :meth:`full` shows them too.
    """

    def __init__(self, job: str, cause: str | None, remote: dict[str, Any]) -> None:
        self.job = job
        self.cause = cause
        self.remote = remote
        sentence = str(remote.get("message") or "")
        super().__init__(sentence, remote.get("hint"), job=job, cause=cause, remote=remote)

    @property
    def type(self) -> str:
        """The remote type: ``ValueError``, R's ``simpleError``, or the cause of a death."""
        return str(self.remote.get("type") or "error")

    @property
    def frames(self) -> list[dict[str, Any]]:
        """Frames of the user's code, outermost first; see docs/protocol.md for their fields."""
        return [frame for frame in self.remote.get("frames") or [] if not frame.get("ours")]

    @property
    def warnings(self) -> list[dict[str, Any]]:
        return list(self.remote.get("warnings") or [])

    def __str__(self) -> str:
        return self._text(self.frames)

    def full(self) -> str:
        """The text with the worker's own frames."""
        return self._text(self.remote.get("frames") or [])

    def _text(self, frames: list[dict[str, Any]]) -> str:
        from landbridge.traces import remote_text

        return remote_text(self, frames)


def by_code(code: str) -> type[LandbridgeError]:
    """The class of a code that the gateway answered; an unknown code is a plain :class:`GatewayError`."""
    return _CODES.get(code, GatewayError)


def _below(root: type[LandbridgeError]) -> dict[str, type[LandbridgeError]]:
    found: dict[str, type[LandbridgeError]] = {}
    for child in root.__subclasses__():
        found |= {child.code: child} | _below(child)
    return found


# Errors whose constructors take other arguments are never made from an answer.
_CODES = {
    code: kind
    for code, kind in _below(LandbridgeError).items()
    if kind.__init__ is LandbridgeError.__init__ and kind.__module__ == __name__
}
