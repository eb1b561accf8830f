"""Uploads in parts: a large object of which each byte is sent once, however often the connection breaks."""

from __future__ import annotations

from flask import Blueprint, request

from landbridge_gateway.depot.digests import ALGORITHMS, SHA256
from landbridge_gateway.depot.objects import Stored
from landbridge_gateway.errors import InvalidField, InvalidRequest
from landbridge_gateway.model import FORMATS, Json
from landbridge_gateway.web.access import READ, WRITE, access, owner
from landbridge_gateway.web.api.objects import add_object, object_name, sent_bytes, sent_digest
from landbridge_gateway.web.body import choice, known_query, refuse_form, whole_number
from landbridge_gateway.web.form import FormFile
from landbridge_gateway.web.services import services

blueprint = Blueprint("api_uploads", __name__)


@blueprint.post("/uploads")
@access(WRITE)
def begin() -> tuple[Json, int]:
    """Begin an upload of so many bytes, whose digest will be of this algorithm."""
    known_query("format", "name", "size", "digest")
    here = services()
    format, algorithm = choice("format", "file", tuple(FORMATS)), choice("digest", SHA256, tuple(ALGORITHMS))
    size = whole_number("size", -1, 1, here.settings.max_object)
    if size < 0:
        raise InvalidField("An upload says how many bytes it will have.", "Send `size`.", field="size")
    room = here.quota.room(owner())
    return {"upload": here.uploads.begin(owner(), format, object_name(), size, algorithm, room).as_json()}, 201


@blueprint.get("/uploads/<upload_id>")
@access(READ)
def look(upload_id: str) -> Json:
    """Where an upload goes on."""
    return {"upload": services().uploads.get(upload_id, owner()).as_json()}


@blueprint.put("/uploads/<upload_id>")
@access(WRITE)
def append(upload_id: str) -> Json:
    """Add a part, which begins at the offset where the upload goes on: the body, or the one file of a form."""
    known_query("offset")
    here = services()
    upload = here.uploads.get(upload_id, owner())
    length = request.content_length
    if length is None:
        raise InvalidRequest("A part says how many bytes it has.", "Send it with Content-Length.")
    offset = whole_number("offset", 0, 0, here.settings.max_object)
    try:
        if request.mimetype == "multipart/form-data":
            form = FormFile(sent_bytes(), request.content_type, length)
            here.uploads.append(upload, offset, form.size, form)
            if upload.offset == offset + form.size:
                form.end()
        else:
            refuse_form()
            here.uploads.append(upload, offset, length, sent_bytes())
    except (ConnectionError, TimeoutError):
        raise InvalidRequest("The part was cut short.", "Send the rest.", offset=upload.offset) from None
    return {"upload": upload.as_json()}


@blueprint.post("/uploads/<upload_id>/end")
@access(WRITE)
def end(upload_id: str) -> tuple[Json, int]:
    """Make the upload an object; its digest is checked."""
    here = services()
    upload, digest = here.uploads.get(upload_id, owner()), sent_digest()
    if digest is None:
        raise InvalidField("An upload ends with its digest.", "Send the header Landbridge-Digest.", field="digest")

    def store(stored: Stored) -> Json:
        return add_object(stored, upload.format, upload.name, upload.room)

    return {"object": here.uploads.end(upload, digest, store)}, 201
