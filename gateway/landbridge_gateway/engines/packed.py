"""Runtimes with packages, as the Docker engine has them: which it knows, and how their containers differ."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import requests
from docker.errors import DockerException

from landbridge_gateway.engines.interface import EngineError, Order, PrepareAbandoned, PrepareFailed
from landbridge_gateway.environments.build import BuildFailed
from landbridge_gateway.environments.environment import Environment
from landbridge_gateway.environments.shelf import ENVIRONMENT_LABEL, Abandoned, Shelf
from landbridge_gateway.environments.wanted import Wanted
from landbridge_gateway.model import Json


class Packed:
    """What was found or built since the start; asked by several threads."""

    def __init__(self, shelf: Shelf | None) -> None:
        self._shelf = shelf
        self._known: dict[str, Environment] = {}
        if shelf:
            shelf.sweep()

    def prepare(self, place: str, progress: Callable[[str], None], wanted: Json | None) -> Environment:
        """Raises :class:`PrepareFailed`."""
        if self._shelf is None or wanted is None:
            raise PrepareFailed(f"Nobody knows which packages {place} has.", "Submit the job again.", [])
        try:
            found = self._shelf.ensure(place, Wanted.from_json(wanted), progress)
        except Abandoned as error:
            raise PrepareAbandoned(error.message, error.hint or "", []) from error
        except BuildFailed as error:
            raise PrepareFailed(error.message, error.hint or "", error.log_tail) from error
        except (DockerException, requests.RequestException, OSError) as error:
            raise PrepareFailed(
                f"The environment could not be built: {error}", "Look at `landbridge doctor`.", []
            ) from error
        self._known[place] = found
        return found

    def there(self, place: str) -> bool:
        return self._shelf is not None and self._shelf.find(place) is not None

    def abandon(self, place: str) -> None:
        if self._shelf:
            self._shelf.abandon(place)

    def image(self, place: str) -> str | None:
        found = self._known.get(place)
        return found.image if found else None

    def built(self, place: str) -> Json | None:
        found = self._known.get(place)
        if found is None:
            return None
        packages = [dict(one) for one in found.packages]
        return {"id": found.id, "digest": found.digest, "packages": packages, "seconds": found.seconds}

    def refresh(self, place: str) -> None:
        """Forget it where it is gone, or stands on a runtime that was built anew."""
        known = self._known.get(place)
        if self._shelf and known and not self._shelf.current(known):
            self._known.pop(place, None)

    @contextmanager
    def held(self, order: Order) -> Iterator[Environment]:
        """The environment of an order, built again if it was removed, and kept while its container is made."""
        found = self._known.get(order.runtime)
        if self._shelf is None:
            raise EngineError(f"Nobody knows which packages {order.runtime} has.", "Submit the job again.")
        for _ in range(2):
            if found is None:
                found = self.prepare(order.runtime, lambda _: None, order.wanted)
            with self._shelf.held(found):
                if self._shelf.whole(found):
                    yield found
                    return
            found = None
        raise EngineError("The environment was removed while it was built.", "Submit the job again.")


def path_of(environment: Environment | None) -> dict[str, str]:
    """The variables of its containers."""
    return {"PATH": environment.path} if environment and environment.path else {}


def label_of(environment: Environment | None) -> dict[str, str]:
    """What says of a container that it uses the environment."""
    return {ENVIRONMENT_LABEL: environment.id} if environment else {}
