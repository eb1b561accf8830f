"""Objects: bytes in, bytes out. They are never opened here."""

from __future__ import annotations

import re
from functools import partial

from flask import Blueprint, Response, request, send_file
from werkzeug.exceptions import ClientDisconnected

from landbridge_gateway.depot.digests import ALGORITHMS, PATTERN, SHA256, XXH128, algorithm_of
from landbridge_gateway.depot.objects import Readable, Stored, settles, take_in
from landbridge_gateway.depot.quota import Room
from landbridge_gateway.depot.stamps import SETTLING, stamp
from landbridge_gateway.errors import InvalidField, InvalidRequest, TooLarge
from landbridge_gateway.model import FORMATS, LONGEST_NAME, Json, is_file_name
from landbridge_gateway.scheduler.settling import refuse_unsure
from landbridge_gateway.store.database import Row
from landbridge_gateway.store.objects import UPLOAD
from landbridge_gateway.web.access import READ, WRITE, access, owner, sees
from landbridge_gateway.web.body import choice, known_query, refuse_form
from landbridge_gateway.web.connections import WholeFile
from landbridge_gateway.web.headers import download_name
from landbridge_gateway.web.natives import object_digest
from landbridge_gateway.web.services import Services, services

blueprint = Blueprint("api_objects", __name__)

DIGEST_HEADER = "Landbridge-Digest"
NONCE_HEADER = "Landbridge-Nonce"
_DIGEST = re.compile(PATTERN)
_TYPES = {"arrow": "application/vnd.apache.arrow.file", "png": "image/png"}
_LOADED = ("rds", "pickle")
_WORTH_AHEAD = 1024**2


@blueprint.post("/objects")
@access(WRITE)
def store() -> tuple[Json, int]:
    """Store bytes as a new object; a digest that was sent is checked."""
    known_query("format", "name", "intake")
    here = services()
    refuse_form()
    format, name = choice("format", "file", tuple(FORMATS)), object_name()
    handed = request.args.get("intake")
    with here.quota.room(owner()) as room:
        stored = _sent(here, format, room) if handed is None else _handed(here, handed, format, room)
        return {"object": add_object(stored, format, name, room, handed=handed is not None)}, 201


def object_name() -> str | None:
    name = request.args.get("name")
    if name is not None and not is_file_name(name):
        raise InvalidField(
            f"`name` is a file's name: 1 to {LONGEST_NAME} characters without slashes and control characters.",
            "Leave it out, or give the last part of the path.",
            field="name",
        )
    return name


def add_object(stored: Stored, format: str, name: str | None, room: Room, handed: bool = False) -> Json:
    """Make stored bytes, which have taken ``room``, an object of whoever asks; what is told of it."""
    here = services()
    # Another digest was for the way here, and that of the object itself follows when nobody waits.
    known = stored.digest if stored.digest and algorithm_of(stored.digest) == SHA256 else None
    later = not handed and settles(stored)
    said = stamp(here.layout.object_file(stored.id, format)) if handed else SETTLING if later else None
    row = room.settle(
        lambda: here.objects.add(
            id=stored.id,
            owner=owner(),
            origin=UPLOAD,
            format=format,
            name=name,
            size=stored.size,
            digest=known,
            stamp=said,
        )
    )
    if stored.digest and algorithm_of(stored.digest) == XXH128:
        here.way_digests.note(stored.id, stored.digest)
    if later:
        here.settling.begin(stored.id, format)
    elif known is None:
        here.collector.digest_soon(stored.id, format)
    return _public(row)


def _handed(here: Services, name: str, format: str, room: Room) -> Stored:
    """A file that the client wrote into the intake itself: it is renamed, and nobody reads it."""
    here.intake.check(request.headers.get(NONCE_HEADER))
    return here.intake.take(name, format, here.settings.max_object, room)


def _sent(here: Services, format: str, room: Room) -> Stored:
    digest = sent_digest()
    length, most = request.content_length, here.settings.max_object
    if length is not None and length > most:
        raise TooLarge(f"An object has at most {most} bytes here.", "Split it, or raise `max_object`.")
    try:
        return take_in(here.layout, sent_bytes(), format=format, length=length, digest=digest, most=most, room=room)
    except (ClientDisconnected, ConnectionError, TimeoutError):
        raise InvalidRequest("The upload was cut short.", "Send the object again.") from None


def sent_digest() -> str | None:
    digest: str | None = request.headers.get(DIGEST_HEADER)
    if digest is not None and not _DIGEST.fullmatch(digest):
        known = "`sha256:` and 64, or `xxh128:` and 32 hex digits"
        raise InvalidField(f"The header {DIGEST_HEADER} is {known}.", field="digest")
    return digest


def sent_bytes() -> Readable:
    """The body. Where its length is told the server's own stream, of which no more is to be read: Flask's copies each
    byte twice more."""
    stream: Readable = request.stream if request.content_length is None else request.environ["wsgi.input"]
    return stream


@blueprint.get("/objects/<object_id>")
@access(READ)
def fetch(object_id: str) -> Response:
    """The bytes of an object, whole or in ranges. With ``digest`` that of this algorithm is made for who will ask."""
    known_query("digest")
    here = services()
    algorithm = choice("digest", SHA256, tuple(ALGORITHMS))
    row = here.objects.get(object_id, sees())
    refuse_unsure(row["id"], row["stamp"])
    path = here.layout.object_file(row["id"], row["format"])
    ahead = algorithm == XXH128 and row["size"] > _WORTH_AHEAD
    after = (lambda: here.way_digests.ahead(row["id"], row["format"])) if ahead else None
    request.environ["wsgi.file_wrapper"] = partial(WholeFile, after=after)
    # Always an attachment: what a job made is never shown from this origin as something active.
    answer = send_file(
        path,
        mimetype=_TYPES.get(row["format"], "application/octet-stream"),
        as_attachment=True,
        download_name=download_name(row["name"] or path.name),
        conditional=True,
        etag=row["id"],
        max_age=None,
    )
    # What runs code when it is loaded is never handed out without its digest.
    digest = object_digest(here, row) if row["format"] in _LOADED else row["digest"]
    if digest:
        answer.headers[DIGEST_HEADER] = digest
    return answer


@blueprint.get("/objects/<object_id>/digest")
@access(READ)
def digest(object_id: str) -> Json:
    """The digest of an object's bytes, by the algorithm that is asked for."""
    known_query("algorithm")
    here = services()
    algorithm = choice("algorithm", SHA256, tuple(ALGORITHMS))
    row = here.objects.get(object_id, sees())
    refuse_unsure(row["id"], row["stamp"])
    if algorithm == SHA256:
        return {"digest": object_digest(here, row)}
    return {"digest": here.way_digests.of(row["id"], row["format"])}


def _public(row: Row) -> Json:
    return {name: row[name] for name in ("id", "size", "digest", "format", "name")}
