"""Files that name packages, of either language: what they say, or which line or key of them cannot be used."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path, PurePath
from typing import Any

from landbridge.environments import Packages
from landbridge.errors import InvalidField
from landbridge.kinds import Json
from landbridge.packages import LANGUAGES, R_BASE, Unusable, counted, requirement

_MOST, _MOST_PROJECT = 5_000_000, 1_000_000
_ENDINGS = (".txt", ".toml", ".lock", ".py", ".r")
_KINDS = {
    "python": "requirements.txt, pyproject.toml, uv.lock, or a script with a block `# /// script`",
    "r": "renv.lock or DESCRIPTION",
}
_LANGUAGE_OF = {"requirements": "python", "pyproject": "python", "uv": "python", "script": "python", "renv": "r"}
_BLOCK = re.compile(r"^# /// script[ \t]*\n((?:#(?:| [^\n]*)\n)*?)# ///[ \t]*$", re.MULTILINE)
_ELSEWHERE = ("url", "git", "path", "index", "workspace", "directory", "editable", "virtual")
_BY_NAME = "Packages come by their names from where the gateway gets them: leave it out."
_BOUNDS = re.compile(r"\s*(?:(?:==|>=|<=|!=|~=|>|<)\s*\d[0-9A-Za-z.*-]*\s*(?:,\s*|$))+")
_FIELD = re.compile(r"\s*([A-Za-z0-9.]+)\s*(?:\(\s*(>=|<=|==|!=|>|<)\s*([^()\s]+)\s*\))?\s*")


def is_file_name(text: str) -> bool:
    """Is this the path of a file, rather than the name of a package? Addresses and options are neither."""
    plain, odd = PurePath(text.strip()), re.search(r"://|^\s*-|[@\s;]", text.strip())
    if odd and not Path(text).is_file():
        return False
    return plain.name == "DESCRIPTION" or plain.suffix.lower() in _ENDINGS


def read_packages(path: Path, language: str) -> Packages:
    """What a file says, for a task of the language.

    Raises ``InvalidField`` that names the file, and its line or key where that is the matter.
    """
    kind = _kind(path)
    if kind is None:
        raise _unusable(path, "it is no file of packages that is known here", f"There are: {_all_kinds()}.")
    text = _text(path)
    of = _LANGUAGE_OF.get(kind, "r")
    if of != language:
        what = f"it names packages of {LANGUAGES[of]}, and the task is of {LANGUAGES[language]}"
        raise _unusable(path, what, f"For {LANGUAGES[language]} there are: {_KINDS[language]}.")
    match kind:
        case "requirements":
            return _requirements_file(path, text)
        case "pyproject":
            return _pyproject(path, text)
        case "uv":
            return _uv_lock(path, text)
        case "renv":
            return _renv_lock(path, text)
        case "script":
            found = packages_of_script(text, str(path))
            if found is None:
                raise _unusable(path, "it names no packages", "A block `# /// script` has `dependencies`.")
            return found
    return _description(path, text)


def _kind(path: Path) -> str | None:
    if path.name in ("uv.lock", "renv.lock"):
        return path.name.partition(".")[0]
    if path.name == "DESCRIPTION":
        return "description"
    return {".txt": "requirements", ".toml": "pyproject", ".py": "script"}.get(path.suffix.lower())


def _all_kinds() -> str:
    return f"{_KINDS['python']}; {_KINDS['r']}"


def _unusable(path: str | Path, reason: str, hint: str | None = None) -> InvalidField:
    return InvalidField(f"`{path}` cannot be used: {reason}.", hint, field="packages", file=str(path))


def _text(path: Path, most: int = _MOST) -> str:
    if not path.is_file():
        hint = f"The working directory is {Path.cwd()}."
        if path.suffix.lower() == ".py" and path.name == str(path):
            hint += f' A package of this name is given in a list, ["{path}"].'
        raise InvalidField(f"There is no file `{path}`.", hint, field="packages", file=str(path))
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = str(error.strerror) if isinstance(error, OSError) else "it is not UTF-8"
        raise _unusable(path, reason) from None
    if len(text) > most:
        raise _unusable(path, f"it is longer than {most:,} characters")
    if not text.strip():
        raise _unusable(path, "it is empty")
    return text


def _used(path: str | Path, place: str, item: Any) -> str:
    """A requirement of a file of Python."""
    try:
        return requirement(item, "python")
    except Unusable as problem:
        raise _unusable(path, f"{place} has `{problem.item}`, and it {problem.reason}", problem.hint) from None


# requirements.txt


def _requirements_file(path: Path, text: str) -> Packages:
    found = 0
    for number, line in _logical_lines(text):
        plain = re.sub(r"\s--hash[= ]\S+", "", f" {line}").strip()
        if not plain:
            continue
        option = re.search(r"(?:^|\s)(--?[A-Za-z][\w-]*)", plain)
        if option:
            raise _unusable(path, f"line {number} has the option `{option[1]}`", _BY_NAME)
        _used(path, f"line {number}", plain)
        found += 1
    if not found:
        raise _unusable(path, "it names no packages")
    return Packages({"lockfile": {"format": "requirements.txt", "text": text}}, file=str(path))


def _logical_lines(text: str) -> list[tuple[int, str]]:
    """Lines without comments, each with the number of its first one; a backslash at the end goes on."""
    found: list[tuple[int, str]] = []
    held: tuple[int, str] | None = None
    for number, line in enumerate(text.splitlines(), 1):
        first, before = held or (number, "")
        held = None
        plain = re.sub(r"(?:^|\s)#.*$", "", line).rstrip()
        if plain.endswith("\\"):
            held = first, before + plain[:-1] + " "
        else:
            found.append((first, (before + plain).strip()))
    return found + ([(held[0], held[1].strip())] if held else [])


# pyproject.toml, uv.lock, PEP 723


def _toml(path: str | Path, text: str, before: int = 0) -> Json:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as problem:
        place = re.search(r"line (\d+)", str(problem))
        line = int(place[1]) if place else len(text.rstrip("\n").split("\n"))
        raise _unusable(path, f"line {line + before} is no TOML", "Mend the file.") from None


def _table(path: str | Path, document: Any, key: str) -> Json:
    found = document.get(key, {})
    if not isinstance(found, dict):
        raise _unusable(path, f"`{key}` is no table", "Mend the file.")
    return found


def _pyproject(path: Path, text: str) -> Packages:
    document = _toml(path, text)
    if "project" not in document:
        raise _unusable(path, "it has no table `[project]`", "Its `dependencies` name the packages.")
    lock = path.parent / "uv.lock"
    if path.name == "pyproject.toml" and lock.is_file():
        return _locked(lock, _text(lock), path, text)
    return _dependencies(path, document, _table(path, document, "project"), "[project]")


def _dependencies(path: str | Path, document: Json, table: Json, where: str) -> Packages:
    """The packages of the key ``dependencies``."""
    wants = _checked_project(path, document, table)
    named = table.get("dependencies", [])
    if not isinstance(named, list):
        raise _unusable(path, "`dependencies` is no list of texts", "Mend the file.")
    found = list(dict.fromkeys(_used(path, "`dependencies`", item) for item in named))
    if not found:
        raise _unusable(path, f"the `dependencies` of {where} name no packages", "Add them, or name the packages.")
    return Packages({"packages": counted(found, f"`{path}`")}, wants, str(path))


def _checked_project(path: str | Path, document: Json, table: Json) -> str:
    """``requires-python``. Refuses what no gateway could follow: dynamic dependencies, and packages from elsewhere."""
    if "dependencies" in (table.get("dynamic") or []):
        hint = "Write them into `[project]`, or give a lockfile."
        raise _unusable(path, "its `dependencies` are dynamic", hint)
    sources = _table(path, _table(path, _table(path, document, "tool"), "uv"), "sources")
    for name, given in sources.items():
        entries = given if isinstance(given, list) else [given]
        kinds = [kind for entry in entries if isinstance(entry, dict) for kind in _ELSEWHERE if kind in entry]
        reason = f"`[tool.uv.sources]` takes `{name}` from {'a' if kinds else 'elsewhere'}"
        raise _unusable(path, f"{reason} {kinds[0]}" if kinds else reason, _BY_NAME)
    wants = table.get("requires-python", "")
    if not isinstance(wants, str) or (wants and not _BOUNDS.fullmatch(wants)):
        raise _unusable(path, f"`requires-python` cannot be `{wants}`", 'It is such as ">=3.11".')
    return wants


def _uv_lock(path: Path, text: str) -> Packages:
    project = path.parent / "pyproject.toml"
    if not project.is_file():
        raise _unusable(path, "there is no pyproject.toml beside it", "A lockfile of uv belongs to one.")
    return _locked(path, text, project, _text(project, _MOST_PROJECT))


def _locked(path: Path, text: str, project: Path, project_text: str) -> Packages:
    document = _toml(project, project_text)
    wants = _checked_project(project, document, _table(project, document, "project"))
    found = 0
    for entry in _toml(path, text).get("package") or []:
        source = entry.get("source") or {} if isinstance(entry, dict) else {}
        kinds = [kind for kind in _ELSEWHERE if kind in source]
        # The project itself stands in its own lockfile.
        if kinds and source[kinds[0]] == "." and kinds[0] in ("editable", "virtual", "directory"):
            continue
        if kinds:
            raise _unusable(path, f"it takes `{entry.get('name')}` from a {kinds[0]}", _BY_NAME)
        found += 1
    if not found:
        raise _unusable(path, "it locks no packages", "Run `uv lock` again.")
    lockfile = {"format": "uv.lock", "text": text, "project": project_text}
    return Packages({"lockfile": lockfile}, wants, str(path))


def packages_of_script(text: str, file: str) -> Packages | None:
    """What the block ``# /// script`` of a Python script names (PEP 723); None where it has none, or names none."""
    text = text.replace("\r\n", "\n")
    blocks = list(_BLOCK.finditer(text if text.endswith("\n") else f"{text}\n"))
    if not blocks:
        return None
    if len(blocks) > 1:
        raise _unusable(file, "it has several blocks `# /// script`", "Keep one of them.")
    lines = [line[2:] for line in blocks[0][1].splitlines()]
    document = _toml(file, "\n".join(lines), text.count("\n", 0, blocks[0].start()) + 1)
    if not document.get("dependencies"):
        _checked_project(file, document, document)
        return None
    return _dependencies(file, document, document, "its block")


# renv.lock, DESCRIPTION


def _renv_lock(path: Path, text: str) -> Packages:
    try:
        document = json.loads(text)
    except json.JSONDecodeError as problem:
        raise _unusable(path, f"line {problem.lineno} is no JSON", "Mend the file.") from None
    named = document.get("Packages") if isinstance(document, dict) else None
    if not isinstance(named, dict) or not named:
        raise _unusable(path, "its `Packages` name no packages", "Write it with renv::snapshot().")
    return Packages({"lockfile": {"format": "renv.lock", "text": text}}, file=str(path))


def _description(path: Path, text: str) -> Packages:
    fields = _control_fields(path, text)
    if "Remotes" in fields:
        raise _unusable(path, "`Remotes` takes packages from elsewhere", _BY_NAME)
    found: list[str] = []
    wants: list[str] = []
    for field in ("Depends", "Imports"):
        for entry in filter(str.strip, fields.get(field, "").split(",")):
            match = _FIELD.fullmatch(entry)
            if match is None:
                raise _unusable(path, f"`{field}` has `{entry.strip()}`", "An entry is such as dplyr (>= 1.1.0).")
            name, sign, version = match.groups()
            bound = f"{sign}{version}" if sign else ""
            if name == "R":
                wants += [bound] if bound else []
            elif name not in R_BASE | {"landbridge"}:
                found.append(_of_r(path, field, name + bound))
    if not found:
        raise _unusable(path, "its `Imports` and `Depends` name no packages", "Name the packages.")
    return Packages({"packages": counted(list(dict.fromkeys(found)), f"`{path}`")}, ",".join(wants), str(path))


def _of_r(path: Path, field: str, item: str) -> str:
    try:
        return requirement(item, "r")
    except Unusable as problem:
        raise _unusable(path, f"`{field}` has `{problem.item}`, and it {problem.reason}", problem.hint) from None


def _control_fields(path: Path, text: str) -> dict[str, str]:
    """The fields of a file as Debian and R write them: ``Name: value``, and lines that go on begin with a space."""
    found: dict[str, str] = {}
    name = ""
    for number, line in enumerate(text.splitlines(), 1):
        head, colon, value = line.partition(":")
        if line[:1] in (" ", "\t") and name:
            found[name] += f"\n{line.strip()}"
        elif colon and re.fullmatch(r"[A-Za-z][A-Za-z0-9/@._-]*", head):
            name = head
            found[name] = value.strip()
        elif line.strip():
            raise _unusable(path, f"line {number} is no field", "A line is such as Imports: dplyr.")
    return found
