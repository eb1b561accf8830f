"""Which modules and functions a job's environment has by itself: the standard library and installed packages."""

from __future__ import annotations

import site
import sys
import sysconfig
from functools import cache
from types import ModuleType
from typing import Any


@cache
def installed_places() -> tuple[str, ...]:
    paths = sysconfig.get_paths()
    found = {paths[name] for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    return tuple(f"{place}/" for place in found | set(site.getsitepackages()) | {site.getusersitepackages()})


def is_installed(module: ModuleType) -> bool:
    """Does the module belong to the standard library or to an installed package, rather than to the user's files?"""
    top = module.__name__.partition(".")[0]
    if top == "landbridge" or top in sys.stdlib_module_names:
        return True
    file = getattr(module, "__file__", None) or next(iter(getattr(module, "__path__", ())), None)
    return module.__name__ != "__main__" and (file is None or str(file).startswith(installed_places()))


def reference_to(thing: Any) -> tuple[str, str] | None:
    """Module and qualified name under which an installed package offers ``thing``; None when none does."""
    name = getattr(thing, "__qualname__", None) or getattr(thing, "__name__", None)
    owner = getattr(thing, "__module__", None) or getattr(type(thing), "__module__", None)
    if not isinstance(name, str) or not isinstance(owner, str) or "<" in name:
        return None
    for candidate in (owner, owner.partition(".")[0]):
        module = sys.modules.get(candidate)
        if module is None or not is_installed(module):
            continue
        found: Any = module
        for part in name.split("."):
            found = getattr(found, part, None)
        if found is thing or (found == thing and callable(thing)):
            return candidate, name
    return None
