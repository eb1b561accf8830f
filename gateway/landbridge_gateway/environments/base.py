"""The image below all others: pulled where a registry answers, else made from Debian's own packages."""

from __future__ import annotations

import queue
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import docker
import requests
from docker.errors import DockerException, ImageNotFound

from landbridge_gateway.environments.build import IMAGE_LABEL, RUNTIME_LABEL, TAIL_LINES, BuildFailed, hint_for
from landbridge_gateway.environments.host import Host
from landbridge_gateway.environments.recipe import NAMESPACE
from landbridge_gateway.environments.runtimes import Base

MADE = "made"  # LANDBRIDGE_BASE_IMAGE=made: do not ask a registry at all
SUITE = "{suite}"  # in the name of an image that LANDBRIDGE_BASE_IMAGE gives: one for each suite
_MAKE_SECONDS = 1800
_WAY_OUT = "or name an image that is there already in LANDBRIDGE_BASE_IMAGE"


class PullFailed(Exception):
    """No registry gave the image."""


class BaseImage:
    """``choice`` is empty (pull, else make), ``made``, or an image's name (that one or none)."""

    def __init__(
        self, client: docker.DockerClient, base: Base, choice: str, pull_seconds: float, namespace: str = NAMESPACE
    ) -> None:
        self._client, self._base, self._choice, self._pull_seconds = client, base, choice, pull_seconds
        self.made_tag = f"{namespace}/debian:{base.suite}"
        self._api: Any = client.api
        self._no_registry = False

    @property
    def wanted(self) -> str:
        """The name that goes into the recipe: the same, whether that image is then pulled or made."""
        return self._choice or self._base.image

    def ensure(self, host: Host, told: Callable[[str], None]) -> str:
        """The reference to build on. Raises BuildFailed when it can be neither pulled nor made."""
        if self._choice != MADE:
            if self._there(self.wanted):
                return self.wanted
            if self._pulled(told):
                return self.wanted
        if not self._there(self.made_tag):
            self._make(host, told)
        return self.made_tag

    def _there(self, image: str) -> bool:
        try:
            self._api.inspect_image(image)
        except ImageNotFound:
            return False
        return True

    def _pulled(self, told: Callable[[str], None]) -> bool:
        if self._no_registry:
            return False
        told(f"pulling {self.wanted}")
        try:
            pull(self._client, self.wanted, self._pull_seconds)
        except PullFailed as error:
            if self._choice:
                raise BuildFailed(
                    f"The base image {self._choice} is not here and cannot be pulled: {error}",
                    "Mend or unset LANDBRIDGE_BASE_IMAGE; without it the base is made from Debian packages if need be.",
                ) from error
            self._no_registry = True
            told("no registry answers")
            return False
        return True

    def _make(self, host: Host, told: Callable[[str], None]) -> None:
        if shutil.which("mmdebstrap") is None:
            raise BuildFailed(
                f"The base image {self.wanted} cannot be pulled, and mmdebstrap, which would make it, is missing.",
                f"Install it (`sudo apt-get install mmdebstrap`, or `make setup`), {_WAY_OUT}.",
            )
        told(f"making the base from packages of Debian {self._base.suite}")
        with tempfile.TemporaryDirectory(prefix="landbridge-base-") as folder:
            archive = Path(folder) / "base.tar"
            debootstrap(self._base, host, archive)
            repository, _, tag = self.made_tag.partition(":")
            labels = [f"LABEL {IMAGE_LABEL}=1", f"LABEL {RUNTIME_LABEL}=base"]
            self._api.import_image(str(archive), repository=repository, tag=tag, changes=labels)


def debootstrap(base: Base, host: Host, archive: Path) -> None:
    """Make a minimal Debian as a tar archive. Raises BuildFailed with mmdebstrap's last lines."""
    command = ["mmdebstrap", "--variant=minbase", "--format=tar", f"--include={','.join(base.apt)}"]
    if host.apt_options:
        options = archive.with_name("apt.conf")
        options.write_text(host.apt_options, encoding="utf-8")
        command.append(f"--aptopt={options}")
    command += [base.suite, str(archive)]
    if host.mirror:
        command.append(f"deb {host.mirror} {base.suite} main")
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_MAKE_SECONDS)
    except subprocess.TimeoutExpired as error:
        raise BuildFailed(
            f"mmdebstrap made no Debian {base.suite} within {_MAKE_SECONDS // 60} minutes.",
            f"Check this machine's Debian mirror, {_WAY_OUT}.",
        ) from error
    if done.returncode:
        tail = done.stderr.splitlines()[-TAIL_LINES:]
        raise BuildFailed(
            f"mmdebstrap could not make a Debian {base.suite} (exit {done.returncode}).", hint_for(tail), tail
        )


def pull(client: docker.DockerClient, image: str, seconds: float) -> None:
    """Pull an image; raises PullFailed when nothing is heard for ``seconds``, or when the registry refuses.

    The engine itself may wait minutes for a registry that does not answer, and the SDK waits with it: so the stream is
    read in a thread of its own, which is left to end by itself when nobody waits for it any more.
    """
    heard: queue.Queue[str | None] = queue.Queue()
    thread = threading.Thread(target=_listen, args=(client, image, heard.put), daemon=True)
    thread.start()
    for problem in _answers(heard, seconds):
        raise PullFailed(problem)


def _answers(heard: queue.Queue[str | None], seconds: float) -> Iterator[str]:
    while True:
        try:
            answer = heard.get(timeout=seconds)
        except queue.Empty:
            yield f"nothing was heard for {seconds:g} seconds."
            return
        if answer is None:
            return
        if answer:
            yield answer


def _listen(client: docker.DockerClient, image: str, say: Callable[[str | None], None]) -> None:
    """Says an empty text for each sign of life, a sentence for a problem, None at the end."""
    repository, tag = _split(image)
    api: Any = client.api
    try:
        for message in api.pull(repository, tag=tag, stream=True, decode=True):
            say(str(message.get("error", "")))
    except (DockerException, requests.RequestException, OSError, ValueError) as error:
        say(str(getattr(error, "explanation", None) or error))
    say(None)


def _split(image: str) -> tuple[str, str | None]:
    if "@" in image:
        return image, None
    repository, colon, tag = image.rpartition(":")
    return (repository, tag) if colon and "/" not in tag else (image, "latest")
