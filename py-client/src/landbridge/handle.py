"""What the handles of jobs and of sweeps have in common: what the gateway told last."""

from __future__ import annotations

from typing import TYPE_CHECKING

from landbridge.kinds import Json

if TYPE_CHECKING:
    from landbridge.client import Client


class Handle:
    """A thing of the gateway by its id, as it was told last; nobody is asked here."""

    def __init__(self, client: Client, document: Json) -> None:
        self._client, self._document = client, document

    @property
    def id(self) -> str:
        return str(self._document["id"])

    @property
    def name(self) -> str:
        return str(self._document["name"])

    @property
    def url(self) -> str:
        """The address of its page."""
        return str(self._document["url"])

    @property
    def document(self) -> Json:
        """What the gateway told last: docs/protocol.md has the fields."""
        return self._document

    def __landbridge_node__(self) -> Json:
        return {"kind": "job", "job": self.id}
