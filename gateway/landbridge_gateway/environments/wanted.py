"""What a task wants beside its runtime, in one spelling: the same wish from R or from Python has the same key."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from landbridge_gateway.environments.lockfiles import LANGUAGES, check_uv_lock, renv_packages, requirements_in
from landbridge_gateway.environments.requirements import FIELD, normal
from landbridge_gateway.errors import InvalidField

_SHOWN = 3  # packages that a short name of an environment lists


@dataclass(frozen=True)
class Wanted:
    """``packages`` are requirements; of a ``uv.lock``, ``lock`` and ``project`` are the texts. ``image`` is a digest.

    ``solved`` is what an earlier environment came to, its id ``of``: the same is to be had again.
    """

    language: str
    packages: tuple[str, ...] = ()
    digests: Mapping[str, list[str]] = field(default_factory=dict)
    lock: str = ""
    project: str = ""
    image: str = ""
    of: str = ""
    solved: tuple[Mapping[str, str], ...] = ()

    @property
    def key(self) -> str:
        """16 hex digits over all of it."""
        return hashlib.sha256(json.dumps(self.as_json(), sort_keys=True).encode()).hexdigest()[:16]

    @property
    def label(self) -> str:
        """A few words for people: ``ranger, broom and 3 more``."""
        if self.image:
            return f"image {self.image[7:19]}"
        names = [one["name"] for one in self.solved if one.get("asked")] or list(self.packages)
        more = len(names) - _SHOWN
        shown = ", ".join(names[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
        return shown or "uv.lock"

    def as_json(self) -> dict[str, Any]:
        known = {name: value for name, value in asdict(self).items() if value}
        return json.loads(json.dumps(known))  # type: ignore[no-any-return]

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> Wanted:
        lists = {name: tuple(told[name]) for name in ("packages", "solved") if name in told}
        return cls(**{**told, **lists})


def wanted(language: str, version: str, environment: Mapping[str, Any], images: frozenset[str]) -> Wanted:
    """Read a task's ``environment``; ``version`` is that of the language in the task's runtime.

    ``images`` are the digests of those that tasks may name. Raises InvalidField.
    """
    if "packages" in environment:
        return Wanted(language, normal(language, environment["packages"]))
    if "image" in environment:
        return _image(language, environment["image"], images)
    lockfile = environment["lockfile"]
    form, text = lockfile["format"], lockfile["text"]
    if LANGUAGES[form] != language:
        raise InvalidField(
            f"The task is of {_NAMES[language]}, and {form} is of {_NAMES[LANGUAGES[form]]}.",
            "Give it a lockfile of its own language.",
            field=f"{FIELD}.lockfile",
        )
    if form == "requirements.txt":
        packages, digests = requirements_in(text)
        return Wanted(language, normal(language, packages), digests)
    if form == "renv.lock":
        return Wanted(language, normal(language, renv_packages(text, version)))
    project = lockfile.get("project") or ""
    check_uv_lock(text, project, version)
    return Wanted(language, lock=text, project=project)


_NAMES = {"python": "Python", "r": "R"}


def _image(language: str, digest: str, images: frozenset[str]) -> Wanted:
    if digest not in images:
        raise InvalidField(
            f"The image {digest[:19]}… is not on this gateway's list.",
            "The administrator puts its digest into LANDBRIDGE_IMAGES, with commas between several.",
            field=f"{FIELD}.image",
        )
    return Wanted(language, image=digest)
