"""One build with Docker's classic builder: the stream read, its steps told, its failure explained."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from landbridge_gateway.environments.recipe import File, Recipe, context
from landbridge_gateway.errors import GatewayError

TAIL_LINES = 60
IMAGE_LABEL, RUNTIME_LABEL, RECIPE_LABEL = "landbridge.image", "landbridge.runtime", "landbridge.recipe"

_STEP = re.compile(r"Step (\d+)/(\d+) :")
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_HINTS = (
    (
        r"could not find bridge|failed to create endpoint",
        "The Docker engine has lost its network: restart it (`sudo systemctl restart docker`).",
    ),
    (r"No space left on device", "Free some disk: `landbridge images prune`, then `docker system prune`."),
    (
        r"CERTIFICATE_VERIFY_FAILED|certificate verif|SSLError|self.signed certificate",
        "Name your network's certificate bundle in LANDBRIDGE_CA_BUNDLE, then build again.",
    ),
    (
        r"unable to pick chroot mode",
        "Without root, mmdebstrap needs user namespaces: `sudo apt-get install uidmap`, or build once as root.",
    ),
    (
        r"is not valid yet|Release file .* expired|is expired",
        'Set the clock right, or let this machine\'s apt accept an old mirror (`Acquire::Check-Valid-Until "false"`).',
    ),
    (
        r"Temporary failure resolving|Could not resolve|Could not connect|Connection (timed out|refused)|"
        r"Network is unreachable|NewConnectionError|Failed to fetch",
        "Builds need a Debian mirror and a Python package index: check this machine's network, apt and pip settings.",
    ),
    (
        r"Unable to locate package|No matching distribution found|Could not find a version|the suite carries",
        "A package of containers/runtimes.toml is not in this mirror or index: change its entry, then build again.",
    ),
)
_HINT = "The last lines of the log say what failed; mend it, then run `landbridge images build`."


class BuildFailed(GatewayError):
    """An image could not be made; ``log_tail`` holds the builder's last lines."""

    def __init__(self, message: str, hint: str | None = None, log_tail: Iterable[str] = ()) -> None:
        super().__init__(message, hint)
        self.log_tail = list(log_tail)


def run_build(
    api: Any,
    recipe: Recipe,
    arguments: Mapping[str, str],
    labels: Mapping[str, str],
    network: str | None,
    told: Callable[[str], None],
    host_files: Mapping[str, File] | None = None,
) -> None:
    """Build and tag; ``told`` gets ``"step 3 of 9"``. Raises BuildFailed with the log's end and a way out.

    ``arguments`` and ``host_files`` are the host's: they come to the recipe's own, and its hash does not cover them.
    """
    stream = api.build(
        fileobj=context({**recipe.files, **(host_files or {})}),
        custom_context=True,
        tag=recipe.tag,
        buildargs={**recipe.arguments, **arguments},
        labels={**labels, IMAGE_LABEL: "1", RECIPE_LABEL: recipe.tag},
        network_mode=network,
        rm=True,
        forcerm=True,
        decode=True,
    )
    follow(stream, recipe.repository, told)


def follow(stream: Iterable[Mapping[str, Any]], what: str, told: Callable[[str], None]) -> None:
    """Read a builder's messages to their end. Raises BuildFailed at the first that is an error."""
    tail: deque[str] = deque(maxlen=TAIL_LINES)
    for message in stream:
        text = _COLOUR.sub("", str(message.get("error") or message.get("stream") or ""))
        if step := _STEP.match(text):
            told(f"step {step[1]} of {step[2]}")
        tail.extend(line.rstrip() for line in text.splitlines() if line.strip())
        if "error" in message:
            raise BuildFailed(f"The image {what} could not be built: {_last_sentence(text)}", hint_for(tail), tail)


def hint_for(tail: Iterable[str]) -> str:
    """The way out of what a log's end shows."""
    # A step's own line quotes the Dockerfile, which holds the words of failures that did not happen.
    text = "\n".join(line for line in tail if not _STEP.match(line))
    return next((hint for pattern, hint in _HINTS if re.search(pattern, text, re.IGNORECASE)), _HINT)


def _last_sentence(text: str) -> str:
    return text.strip().splitlines()[-1][:300].rstrip(".") + "." if text.strip() else "the builder gave no reason."
