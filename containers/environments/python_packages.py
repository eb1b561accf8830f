"""Solve what a Python task wants and install it into a folder of its own. Runs in a build container, and needs uv.

Usage: python_packages.py WORK ID binary|source. ``WORK/wanted.json`` says what is wanted; ``WORK/solved.json`` or
``WORK/failed.json`` is left behind. The folder is ``/opt/environments/ID``, and has the same path in the containers
of jobs, because the programs in it name their interpreter by it.

No code of a package runs here while only binary packages are asked for, which is what is tried first.
"""

from __future__ import annotations

import json
import platform
import re
import shutil
import subprocess
import sys
import sysconfig
from importlib import metadata
from pathlib import Path

ROOT = Path("/opt/environments")
NEWEST = 5  # versions that are named beside one that does not exist
_OUT_OF_REACH = re.compile(r"(?i)failed to fetch|error sending request|dns error|connection refused|timed out")
_DRAWN = re.compile(r"^[\s│╰├─▶×·|]+")


class Failed(Exception):
    """A sentence, and the package at fault where one is known."""

    def __init__(self, message: str, package: str = "", versions: list[str] | None = None, missing: bool = False):
        super().__init__(message)
        self.told = {"message": message, "package": package, "versions": versions or [], "missing": missing}


def main() -> None:
    work, name, sources = Path(sys.argv[1]), sys.argv[2], sys.argv[3] == "source"
    try:
        solved = Builder(work, ROOT / name, sources).build(json.loads((work / "wanted.json").read_text()))
    except Failed as failed:
        (work / "failed.json").write_text(json.dumps(failed.told))
        raise SystemExit(3) from None
    (work / "solved.json").write_text(json.dumps({"version": platform.python_version(), "packages": solved}))


class Builder:
    def __init__(self, work: Path, folder: Path, sources: bool) -> None:
        self.work, self.folder = work, folder
        self.only = [] if sources else ["--only-binary", ":all:"]
        self.runtime = self.runtimes_own()

    def build(self, wanted: dict) -> list[dict]:
        asked = self.asked(wanted)
        pins, alone = self.pins(wanted, asked)
        self.install(pins, alone, wanted.get("digests", {}))
        names = {name_of(requirement) for requirement in asked}
        return [
            {"name": name, "version": version, **({"asked": True} if name in names else {})}
            for name, version in sorted(pins.items())
        ]

    def runtimes_own(self) -> dict[str, str]:
        """What the runtime's image carries, by name."""
        found = {name_of(one.metadata["Name"]): one.version for one in metadata.distributions()}
        found.pop("landbridge", None)
        return found

    def asked(self, wanted: dict) -> list[str]:
        if wanted.get("lock"):
            return self.exported(wanted)
        if wanted.get("solved"):
            return [f"{one['name']}=={one['version']}" for one in wanted["solved"]]
        return list(wanted["packages"])

    def exported(self, wanted: dict) -> list[str]:
        """The names and versions of a ``uv.lock``, without the addresses that it has them from."""
        project = self.work / "project"
        project.mkdir(exist_ok=True)
        (project / "pyproject.toml").write_text(wanted["project"])
        (project / "uv.lock").write_text(wanted["lock"])
        options = ["--frozen", "--no-emit-project", "--no-hashes", "--no-header", "--no-annotate", "--no-dev"]
        done = uv("export", *options, "--project", str(project), "--python", sys.executable)
        if done.returncode:
            sys.stderr.write(done.stderr)
            raise Failed(f"The uv.lock cannot be read: {words(done.stderr)}")
        return lines(done.stdout)

    def pins(self, wanted: dict, asked: list[str]) -> tuple[dict[str, str], bool]:
        """Versions that fit together, and whether without what the runtime carries.

        At best everything that the runtime carries fits as well, at the version that it has there.
        """
        if wanted.get("solved"):
            pins = {one["name"]: one["version"] for one in wanted["solved"]}
            return pins, not set(self.runtime) <= set(pins)
        pins = self.beside_the_runtime(asked)
        if pins is not None:
            return pins, False
        # What the worker itself needs has to fit; the rest of the runtime then stays out of sight.
        own = [one.partition(";")[0] for one in metadata.requires("landbridge") or [] if "extra ==" not in one]
        preferred = "".join(f"{name}=={version}\n" for name, version in self.runtime.items())
        done, pins = self.compile([*asked, *own], preferred)
        sys.stderr.write(done.stderr)
        if done.returncode == 0:
            return pins, True
        raise self.explained(done.stderr)

    def beside_the_runtime(self, asked: list[str]) -> dict[str, str] | None:
        """What there would be if all that is asked for were installed into the runtime; None where that cannot be."""
        listed = self.work / "beside.txt"
        listed.write_text("".join(f"{one}\n" for one in [*asked, *self.runtime]))
        options = ["--dry-run", "--python", sys.executable, "--requirements", str(listed), *self.only]
        done = uv("pip", "install", *options)
        if done.returncode:
            return None
        pins = dict(self.runtime)
        for sign, name, version in re.findall(r"^ ([+-]) (\S+?)==(\S+)", done.stderr, re.MULTILINE):
            if sign == "+":
                pins[name_of(name)] = version
            elif pins.get(name_of(name)) == version:
                del pins[name_of(name)]
        return pins

    def compile(self, requirements: list[str], preferred: str) -> tuple[subprocess.CompletedProcess, dict[str, str]]:
        given, solution = self.work / "wanted.txt", self.work / "solution.txt"
        given.write_text("".join(f"{one}\n" for one in requirements))
        solution.write_text(preferred)
        options = ["--no-header", "--no-annotate", "--quiet", "--python", sys.executable, *self.only]
        done = uv("pip", "compile", str(given), "--output-file", str(solution), *options)
        return done, pins_in(solution.read_text()) if done.returncode == 0 else {}

    def install(self, pins: dict[str, str], alone: bool, digests: dict[str, list[str]]) -> None:
        venv = uv("venv", "--quiet", "--clear", "--python", "/usr/bin/python3", str(self.folder))
        if venv.returncode:
            raise Failed(f"The environment cannot be made: {words(venv.stderr)}")
        (site,) = self.folder.glob("lib/python3*/site-packages")
        if alone:
            for found in Path(sysconfig.get_path("purelib")).glob("landbridge*"):
                shutil.copytree(found, site / found.name)
            missing = pins
        else:
            # Behind the environment's own packages, those of the runtime.
            (site / "_runtime.pth").write_text(sysconfig.get_path("purelib") + "\n")
            missing = {name: version for name, version in pins.items() if self.runtime.get(name) != version}
        if not missing:
            return
        listed = self.work / "install.txt"
        listed.write_text(
            "".join(
                f"{name}=={version}" + "".join(f" --hash={one}" for one in digests.get(name, [])) + "\n"
                for name, version in missing.items()
            )
        )
        done = uv(
            *("pip", "install", "--no-deps", "--python", str(self.folder / "bin" / "python3")),
            *("--requirements", str(listed), *self.only),
        )
        sys.stderr.write(done.stderr)
        if done.returncode:
            raise self.explained(done.stderr)

    def explained(self, text: str) -> Failed:
        """The resolver's own words, with the package at fault and its versions where there are some."""
        said = words(text)
        mismatch = re.search(r"Hash mismatch for `(\S+?)==(\S+?)`", said)
        if mismatch:
            sentence = "is not the file whose digest the requirements.txt gives"
            return Failed(f"{mismatch[1]} {mismatch[2]} {sentence}.", mismatch[1])
        if _OUT_OF_REACH.search(said):
            return Failed(f"The package index cannot be reached: {said}")
        absent = re.search(r"(\S+) was not found in the (?:package registry|provided)", said)
        if absent:
            name = absent[1].strip("`")
            return Failed(f"There is no package {name} in the package index.", name, missing=True)
        version = re.search(r"there (?:is|are) no versions? of (\S+?)((?:[=<>!~]=?)\S+?),? (?:and|we)", said)
        if version:
            name, bound = version[1], version[2].rstrip(",")
            return Failed(f"There is no {name}{bound} in the package index.", name, self.versions(name))
        return Failed(f"The packages cannot be had together: {said}")

    def versions(self, name: str) -> list[str]:
        """The newest versions that this Python can have."""
        found: list[str] = []
        while len(found) < NEWEST:
            done, pins = self.compile([name + "".join(f",!={version}" for version in found).replace(",", "", 1)], "")
            if done.returncode or name_of(name) not in pins:
                break
            found.append(pins[name_of(name)])
        return found


def uv(*command: str) -> subprocess.CompletedProcess:
    return subprocess.run(["uv", "--no-config", *command], capture_output=True, text=True, check=False)


def pins_in(text: str) -> dict[str, str]:
    """Requirements of one exact version, by name."""
    found = (line.partition(";")[0].strip().partition("==") for line in lines(text))
    return {name_of(name): version for name, _, version in found}


def lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]


def name_of(requirement: str) -> str:
    """A package's name in the one spelling that indexes know."""
    return re.sub(r"[-_.]+", "-", re.match(r"[A-Za-z0-9._-]*", requirement)[0]).lower()


def words(text: str) -> str:
    """What uv says, as one line and without what it draws."""
    told = [_DRAWN.sub("", line).strip() for line in text.splitlines()]
    said = " ".join(line for line in told if not line.startswith(("hint:", "error: No solution found")))
    return re.sub(r"\s+", " ", re.sub(r"^(error|cause): ", "", said))[:1500].strip()


if __name__ == "__main__":
    main()
