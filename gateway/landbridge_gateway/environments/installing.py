"""How the packages of an environment get where its containers find them.

Python's go into a folder that is mounted into the runtime's container: uv links them from its cache, and copies
nothing. R's go into a layer on the runtime's image, by Debian's own installer, because they bring libraries of the
system with them. docs/decisions/0020-environments.md has what was measured.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from landbridge_gateway.environments.build import BuildFailed
from landbridge_gateway.environments.environment import IN_CONTAINERS, Package
from landbridge_gateway.environments.explained import explained
from landbridge_gateway.environments.host import Host
from landbridge_gateway.environments.wanted import Wanted
from landbridge_gateway.environments.workshop import Work, Workshop, own_user, tail_of, way_out

REPOSITORY = "landbridge-environment"  # not below the runtimes': `landbridge images prune` leaves these alone
_ONLY_SOURCE = "no usable wheels"  # uv's word for a package that is not there in binary form
_WORK, _TOOLS = "/srv", "/usr/local/lib/environments"
# What Debian's installer needs to give files to their owners.
_ROOTS = ("CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "SETGID", "SETUID")
_MIRRORED = {
    "PIP_INDEX_URL": "UV_DEFAULT_INDEX",
    "PIP_EXTRA_INDEX_URL": "UV_INDEX",
    "PIP_TRUSTED_HOST": "UV_INSECURE_HOST",
}


@dataclass(frozen=True)
class Site:
    """Where a build takes place: ``root`` is the folder of all environments, ``tools`` that of our programs."""

    root: Path
    tools: Path
    uv: Path

    def work(self, name: str) -> Path:
        return self.root / f"{name}.work"


@dataclass(frozen=True)
class Solved:
    """The language's own version, and the packages that there are."""

    version: str
    packages: list[Package]


class Installer:
    """Builds one environment at a time; what it leaves is a folder or an image, and a list of packages."""

    def __init__(self, api: Any, workshop: Workshop, site: Site) -> None:
        self._api, self._workshop, self._site = api, workshop, site

    def python(self, name: str, image: str, wanted: Wanted, host: Host, log: Path) -> Solved:
        """Install into the folder of the environment. Raises BuildFailed."""
        work = self._prepared(name, wanted, host)
        code = self._python_run(name, image, host, log, work, shared=True)
        if code and _ONLY_SOURCE in "\n".join(tail_of(log)):
            failed = (work / "failed.json").read_bytes()
            # Its code runs when it is built, and sees nothing then that others use.
            if self._python_run(name, image, host, log, work, shared=False):
                (work / "failed.json").write_bytes(failed)  # what is not binary and cannot be built is not there
        return self._solved(work, wanted, log)

    def _python_run(self, name: str, image: str, host: Host, log: Path, work: Path, shared: bool) -> int:
        root = self._site.root
        folder = root / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(mode=0o755)
        (root / "cache").mkdir(exist_ok=True)
        for old in ("failed.json", "solved.json"):
            (work / old).unlink(missing_ok=True)
        # Files can be linked within one mount alone, so the cache and the folder are in the same.
        seen = f"{root}:{IN_CONTAINERS}:rw" if shared else f"{folder}:{IN_CONTAINERS}/{name}:rw"
        variables = {_MIRRORED[key]: value for key, value in host.arguments.items() if key in _MIRRORED}
        proxies = {key: value for key, value in host.arguments.items() if not key.startswith("PIP_")}
        if host.ca_bundle:
            variables["SSL_CERT_FILE"] = f"{_WORK}/host/ca.crt"
        cache = f"{IN_CONTAINERS}/cache" if shared else "/tmp/cache"
        program = f"{_TOOLS}/python_packages.py"
        return self._workshop.run(
            Work(
                name,
                image,
                ["python3", program, _WORK, name, "binary" if shared else "source"],
                [seen, f"{work}:{_WORK}:rw", *self._tools(), f"{self._site.uv}:/usr/local/bin/uv:ro"],
                own_user(),
                host.network or "bridge",
                {**variables, **proxies, "UV_CACHE_DIR": cache, "UV_LINK_MODE": "hardlink" if shared else "copy"},
            ),
            log,
        )

    def compile(self, name: str, image: str, log: Path) -> None:
        """Have Python's modules compiled: jobs see the folder read-only, and would do so each for itself."""
        folder = f"{self._site.root / name}:{IN_CONTAINERS}/{name}:rw"
        command = [
            "nice",
            f"{IN_CONTAINERS}/{name}/bin/python3",
            "-m",
            "compileall",
            "-qq",
            f"{IN_CONTAINERS}/{name}/lib",
        ]
        self._workshop.run(Work(f"{name}-compile", image, command, [folder], own_user(), "none", by_itself=True), log)

    def r(
        self, name: str, below: str, wanted: Wanted, host: Host, log: Path, runtime: str, labels: Sequence[str]
    ) -> tuple[str, Solved]:
        """Install into a layer on the image ``below``; gives the new image's id. Raises BuildFailed."""
        work = self._prepared(name, wanted, host)
        volume = f"landbridge-apt-{runtime.replace(':', '-')}:/mnt:rw"
        variables = ["DEBIAN_FRONTEND=noninteractive", f"APT_CONFIG={_WORK}/host/apt.conf"]
        variables += [f"{key}={value}" for key, value in host.arguments.items() if not key.startswith("PIP_")]
        variables += [f"CURL_CA_BUNDLE={_WORK}/host/ca.crt"] if host.ca_bundle else []
        # Given by a program and not as the container's: those would stay in the image.
        program = ["Rscript", "--vanilla", f"{_TOOLS}/r_packages.R", _WORK]
        binds = [f"{work}:{_WORK}:rw", volume, *self._tools()]
        network = host.network or "bridge"
        download = ["env", *variables, "sh", f"{_TOOLS}/in_turn.sh", "/mnt/lock", *program, "download"]
        first = Work(name, below, download, binds, "0:0", network, capabilities=_ROOTS, read_only=False)
        if self._workshop.run(first, log):
            self._solved(work, wanted, log)
        install = ["env", *variables, *program, "install"]
        then = Work(name, below, install, binds, "0:0", "none", capabilities=_ROOTS, read_only=False)
        try:
            self._workshop.run(then, log, keep=True)
            solved = self._solved(work, wanted, log)
            image = self._workshop.commit(name, tag_of(name), [*self._as_before(below), *labels])
        finally:
            self._workshop.drop(name)
        return image, solved

    def _as_before(self, image: str) -> list[str]:
        """How an image's containers begin, as the words that make another's do the same."""
        config = self._api.inspect_image(image)["Config"]
        entry = config.get("Entrypoint")
        return [f"USER {config['User']}", f"ENTRYPOINT {json.dumps(entry or [])}", "CMD []"]

    def _tools(self) -> list[str]:
        return [f"{self._site.tools}:{_TOOLS}:ro"]

    def _prepared(self, name: str, wanted: Wanted, host: Host) -> Path:
        work = self._site.work(name)
        shutil.rmtree(work, ignore_errors=True)
        (work / "host").mkdir(parents=True)
        (work / "wanted.json").write_text(json.dumps(wanted.as_json()), encoding="utf-8")
        options = host.apt_options + _APT
        if host.ca_bundle:
            options += f'Acquire::https::CAInfo "{_WORK}/host/ca.crt";\n'
            (work / "host" / "ca.crt").write_bytes(host.ca_bundle.read_bytes())
        (work / "host" / "apt.conf").write_text(options, encoding="utf-8")
        return work

    def _solved(self, work: Path, wanted: Wanted, log: Path) -> Solved:
        """What the program left: the packages, or why there are none."""
        try:
            if (work / "failed.json").exists():
                raise explained(json.loads((work / "failed.json").read_text(encoding="utf-8")), wanted, tail_of(log))
            solved = json.loads((work / "solved.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            raise BuildFailed("The packages could not be installed.", way_out(log), tail_of(log)) from None
        finally:
            shutil.rmtree(work, ignore_errors=True)
        return Solved(solved["version"], solved["packages"])


_APT = """Dir::State::lists "/mnt/lists";
Dir::Cache::archives "/mnt/archives";
Dir::Cache::pkgcache "/mnt/pkgcache.bin";
Dir::Cache::srcpkgcache "/mnt/srcpkgcache.bin";
APT::Keep-Downloaded-Packages "true";
APT::Sandbox::User "root";
"""


def tag_of(name: str) -> str:
    return f"{REPOSITORY}:{name.removeprefix('env_')}"
