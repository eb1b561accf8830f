"""Native objects at the door: signed when they are handed out, checked when they come back as a value of a job."""

from __future__ import annotations

from collections.abc import Iterable

from landbridge_gateway.depot.digests import digest_of
from landbridge_gateway.depot.durable import sync_files
from landbridge_gateway.errors import InvalidField
from landbridge_gateway.model import Json
from landbridge_gateway.nodes import rewritten
from landbridge_gateway.signing import is_signed, sign
from landbridge_gateway.store.database import Row
from landbridge_gateway.store.objects import UPLOAD
from landbridge_gateway.web.access import Caller
from landbridge_gateway.web.services import Services


def signed(services: Services, node: Json) -> Json:
    """A copy of a node that a job wrote, with this gateway's signature on each native object that a job made.

    A job names no objects but its own and those that it was given.
    """

    def change(inner: Json) -> Json:
        if inner["kind"] != "native":
            return inner
        bare = {name: part for name, part in inner.items() if name != "signature"}
        row = services.objects.get(inner["object"])
        if row["origin"] == UPLOAD or row["format"] != inner["codec"]:
            return bare
        return bare | {"signature": sign(services.signing_key, **_signed_facts(services, inner, row))}

    return rewritten(node, change)


def check_natives(services: Services, natives: Iterable[tuple[str, Json]], caller: Caller) -> None:
    """Refuse a native object that neither a job of this gateway made nor the same owner uploaded as one.

    ``natives`` are native nodes, each with its path in the body.
    """
    for field, node in natives:
        row = services.objects.get(node["object"], caller.sees)
        if row["format"] != node["codec"]:
            raise InvalidField(
                f"`{field}` says that {row['id']} is of the codec `{node['codec']}`, but it is an object of the format "
                f"`{row['format']}`.",
                "Hand on the value as it came with the job's result, or upload the object in its own format.",
                field=field,
            )
        if row["origin"] == UPLOAD and row["owner"] == caller.name:
            continue
        if not is_signed(services.signing_key, node.get("signature"), **_signed_facts(services, node, row)):
            raise InvalidField(
                f"`{field}` is a {node['language']} object without a valid signature of this gateway.",
                "Hand on the value as it came with the job's result, or the job itself.",
                field=field,
            )


def object_digest(services: Services, row: Row) -> str:
    """The digest of an object; made now where it is so new that it is not there yet."""
    if row["digest"]:
        return str(row["digest"])
    if row["stamp"]:
        services.settling.wait([row["id"]])
    path = services.layout.object_file(row["id"], row["format"])
    sync_files([path])  # what has a digest is on the disk
    digest = digest_of(path)
    services.objects.set_digest(row["id"], digest)
    return digest


def _signed_facts(services: Services, node: Json, row: Row) -> dict[str, str]:
    return {
        "digest": object_digest(services, row),
        "language": node["language"],
        "codec": node["codec"],
        "job": row["origin"],
    }
