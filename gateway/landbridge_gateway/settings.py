"""One table of settings. A value comes from the call, the environment, or the default."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from landbridge_gateway.errors import InvalidField

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
_UNITS = {"k": 1024, "m": 1024**2, "g": 1024**3, "t": 1024**4}


def parse_bytes(text: str | int) -> int:
    """``"4g"``, ``"512m"`` or a count of bytes."""
    if isinstance(text, int):
        return text
    word = text.strip().lower().removesuffix("b").removesuffix("i")
    factor = _UNITS.get(word[-1:], 1)
    return int(float(word[:-1] if factor > 1 else word) * factor)


def yes_or_no(text: str | bool) -> bool:
    known = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False, "": False}
    try:
        return known[str(text).strip().lower()]
    except KeyError:
        raise ValueError("neither yes nor no") from None


def _folder(text: str | Path) -> Path:
    return Path(text).expanduser().resolve()


@dataclass(frozen=True)
class Setting:
    name: str
    default: Any
    convert: Callable[[Any], Any]
    help: str

    @property
    def variable(self) -> str:
        return "LANDBRIDGE_" + self.name.upper()


TABLE = (
    Setting("home", "~/.landbridge", _folder, "folder of the database, the depot, the token and the logs"),
    Setting("host", "127.0.0.1", str, "address to listen on; beyond this machine only with TLS, or with plain_http"),
    Setting("port", 8750, int, "port to listen on; 0 takes a free one"),
    Setting(
        "certificate", "", str, "file of the TLS certificate, with those that it was signed by; the address is https"
    ),
    Setting("certificate_key", "", str, "file of the certificate's key"),
    Setting("names", "", str, "names by which others reach the gateway, with commas; the first is the one it tells"),
    Setting(
        "plain_http", "no", yes_or_no, "yes: listen beyond this machine without TLS; others can read what goes there"
    ),
    Setting("engine", "docker", str, "what starts containers: docker, or process for development without isolation"),
    Setting("docker_host", "", str, "address of the Docker engine, as of a rootless one; DOCKER_HOST when empty"),
    Setting("container_runtime", "", str, "what Docker runs jobs with, such as runsc (gVisor); its own when empty"),
    Setting("running", os.cpu_count() or 1, int, "how many jobs may run at once"),
    Setting("pool_memory", "1g", parse_bytes, "what containers may hold that wait for a job, in all; 0: none waits"),
    Setting("pool_idle", 600, int, "seconds after the last job of its kind for which a container still waits"),
    Setting("sessions", 8, int, "how many sessions may be open at once"),
    Setting("threads", 32, int, "how many requests are answered at once"),
    Setting("waiting", 1000, int, "how many requests may wait at once for something to happen; they hold no thread"),
    Setting("max_queued", 250_000, int, "how many jobs may wait to be run"),
    Setting("max_queued_each", 150_000, int, "how many jobs of one owner may wait to be run"),
    Setting("uploads", 64, int, "how many uploads in parts may be open at once"),
    Setting("max_object", 64 * 1024**3, parse_bytes, "largest object that may be uploaded, in bytes"),
    Setting("quota", 0, parse_bytes, "bytes that the uploads of one owner may take; 0: as many as the disk holds"),
    Setting("max_body", 32 * 1024**2, parse_bytes, "largest JSON body, in bytes"),
    Setting("ca_bundle", "", str, "certificate bundle that image builds trust; found from SSL_CERT_FILE when empty"),
    Setting("images", "", str, "digests of images that a task may name (sha256:...), with commas"),
    Setting("cran", "", str, "address of a repository of CRAN's form, for R packages that Debian does not have"),
    Setting("build_seconds", 1800, int, "how long the build of an environment may take"),
    Setting("environments", 200, int, "how many environments are kept; those unused for the longest time go first"),
    Setting("base_image", "", str, "image below the runtimes, `{suite}` being theirs; `made` asks no registry"),
    Setting("lease", 60, int, "seconds without an answer after which the warden is thought to be stalled"),
    Setting("grace", 3, int, "seconds between asking a job to end and killing it"),
)


@dataclass(frozen=True)
class Settings:
    """The settings in force and where each came from (``call``, ``environment`` or ``default``)."""

    values: Mapping[str, Any]
    origins: Mapping[str, str]

    def __getattr__(self, name: str) -> Any:
        try:
            return self.__dict__["values"][name]
        except KeyError:
            raise AttributeError(name) from None

    @classmethod
    def load(cls, environ: Mapping[str, str] = os.environ, **given: Any) -> Settings:
        """Read every setting; an unreadable value is an error that names the setting and where it came from."""
        values, origins = {}, {}
        for setting in TABLE:
            if given.get(setting.name) is not None:
                raw, origin = given[setting.name], "call"
            elif setting.variable in environ:
                raw, origin = environ[setting.variable], "environment"
            else:
                raw, origin = setting.default, "default"
            try:
                values[setting.name] = setting.convert(raw)
            except (ValueError, TypeError):
                raise InvalidField(
                    f"The setting `{setting.name}` cannot be `{raw}`.",
                    f"It is: {setting.help}. It came from the {origin} ({setting.variable}).",
                ) from None
            origins[setting.name] = origin
        return cls(values, origins)

    def as_environment(self) -> dict[str, str]:
        """The same settings for a child process."""
        return {setting.variable: str(self.values[setting.name]) for setting in TABLE}
