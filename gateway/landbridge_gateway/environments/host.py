"""How this machine reaches packages, so that builds in containers reach them the same way.

Mirrors, proxies, package indexes and certificates are read from the machine's own configuration of apt and pip. They go
into builds, never into a recipe's hash or a finished image's environment.
"""

from __future__ import annotations

import configparser
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from landbridge_gateway.environments.recipe import File
from landbridge_gateway.errors import InvalidField

CA_IN_BUILD = "/build/host/ca.crt"

_CA_VARIABLES = ("SSL_CERT_FILE", "PIP_CERT", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
_PROXY_VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY", "ALL_PROXY")
_PIP_OPTIONS = ("index-url", "extra-index-url", "trusted-host", "default-timeout")
_APT_OPTION = re.compile(r"Acquire::(Check-Valid-Until|Check-Date|Retries|https?::Proxy(::\S+)?) \".*\";")
_LOOPBACK = re.compile(r"://([^/@]*@)?(localhost|127\.[0-9.]+|\[::1\])([:/]|$)")

Run = Callable[[list[str]], str]


@dataclass(frozen=True)
class Host:
    """``mirror`` is the machine's Debian mirror or empty; ``arguments`` are for the build's own time only."""

    mirror: str = ""
    apt_options: str = ""
    ca_bundle: Path | None = None
    arguments: Mapping[str, str] = field(default_factory=dict)

    @property
    def network(self) -> str | None:
        """``host`` when a proxy or mirror listens on loopback, which a container's own network cannot reach."""
        told = " ".join((self.mirror, self.apt_options, *self.arguments.values()))
        return "host" if _LOOPBACK.search(told) else None

    def files(self) -> dict[str, File]:
        """What the base's build reads below ``/build/host``."""
        options, certificates = self.apt_options, b""
        if self.ca_bundle:
            options += f'Acquire::https::CAInfo "{CA_IN_BUILD}";\n'
            certificates = self.ca_bundle.read_bytes()
        contents = {"mirror": self.mirror.encode(), "apt.conf": options.encode(), "ca.crt": certificates}
        return {f"host/{name}": File(content) for name, content in contents.items()}

    @classmethod
    def read(cls, ca_bundle: str, environ: Mapping[str, str] = os.environ) -> Host:
        """Ask apt, pip and the environment. Raises InvalidField when the setting's certificate bundle is no file."""
        bundle = _find_ca_bundle(ca_bundle, environ)
        arguments = {**_proxies(environ), **_pip_arguments(environ, _pip_files(environ))}
        if bundle:
            arguments["PIP_CERT"] = CA_IN_BUILD
        return cls(debian_mirror(_output), apt_options(_output), bundle, arguments)


def debian_mirror(run: Run, release: Path = Path("/etc/os-release")) -> str:
    """The address from which this Debian machine has its ``main`` packages; empty on another system."""
    told = dict(re.findall(r'^(\w+)="?(.*?)"?$', release.read_text(), re.MULTILINE)) if release.is_file() else {}
    if told.get("ID") != "debian":
        return ""
    targets = run(["apt-get", "indextargets", "--format", "$(CREATED_BY) $(COMPONENT) $(RELEASE) $(REPO_URI)"])
    wanted = f"Packages main {told.get('VERSION_CODENAME', '')} http"
    return next((line.split()[-1].rstrip("/") for line in targets.splitlines() if line.startswith(wanted)), "")


def apt_options(run: Run) -> str:
    """The machine's apt options that decide whether a mirror is reached and believed, as an ``apt.conf``."""
    lines = run(["apt-config", "dump"]).splitlines()
    return "".join(f"{line}\n" for line in lines if _APT_OPTION.fullmatch(line))


def _output(command: list[str]) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout if done.returncode == 0 else ""


def _find_ca_bundle(setting: str, environ: Mapping[str, str]) -> Path | None:
    if setting and not Path(setting).is_file():
        raise InvalidField(
            f"The certificate bundle `{setting}` is not a file.", "Mend LANDBRIDGE_CA_BUNDLE, or leave it unset."
        )
    named = (setting, *(environ.get(variable, "") for variable in _CA_VARIABLES))
    return next((Path(path) for path in named if path and Path(path).is_file()), None)


def _proxies(environ: Mapping[str, str]) -> dict[str, str]:
    spellings = (*_PROXY_VARIABLES, *(variable.lower() for variable in _PROXY_VARIABLES))
    return {variable: environ[variable] for variable in spellings if environ.get(variable)}


def _pip_arguments(environ: Mapping[str, str], files: Iterator[Path]) -> dict[str, str]:
    options = _pip_options(files)
    arguments = {}
    for option in _PIP_OPTIONS:
        variable = "PIP_" + option.upper().replace("-", "_")
        value = environ.get(variable) or options.get(option, "")
        # An index that is a folder of this machine does not exist in a build.
        kept = [word for word in value.split() if "://" not in word or word.startswith(("http://", "https://"))]
        if kept:
            arguments[variable] = " ".join(kept)
    return arguments


def _pip_files(environ: Mapping[str, str]) -> Iterator[Path]:
    """From the weakest to the strongest, as ``pip config debug`` lists them."""
    home = Path(environ.get("HOME") or "~").expanduser()
    yield from (Path("/etc/xdg/pip/pip.conf"), Path("/etc/pip.conf"), home / ".pip" / "pip.conf")
    yield Path(environ.get("XDG_CONFIG_HOME") or home / ".config") / "pip" / "pip.conf"
    yield Path(sys.prefix) / "pip.conf"
    if environ.get("PIP_CONFIG_FILE"):
        yield Path(environ["PIP_CONFIG_FILE"])


def _pip_options(files: Iterator[Path]) -> dict[str, str]:
    options: dict[str, str] = {}
    for path in files:
        parser = configparser.RawConfigParser()
        # A file that pip itself could not read is pip's to complain about.
        with suppress(configparser.Error, OSError, UnicodeDecodeError):
            parser.read(path, encoding="utf-8")
            for section in ("global", "install"):
                if parser.has_section(section):
                    options.update(parser.items(section))
    return options
