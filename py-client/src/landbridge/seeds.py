"""Random generators begin as the record of the job says."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType
from typing import Any


def seed_generators(seed: int) -> None:
    """Seed those of Python and of numpy; numpy's when it is imported, so that jobs without it need not wait for it."""
    random.seed(seed)
    sys.meta_path[:] = [finder for finder in sys.meta_path if not isinstance(finder, _SeedNumpy)]
    numpy_random: Any = sys.modules.get("numpy.random")
    if numpy_random is not None:
        numpy_random.seed(seed)
    else:
        sys.meta_path.insert(0, _SeedNumpy(seed))


class _SeedNumpy(MetaPathFinder):
    """Seeds numpy's generator in the moment that numpy is imported."""

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def find_spec(self, name: str, *_: object) -> ModuleSpec | None:
        if name != "numpy.random":
            return None
        sys.meta_path.remove(self)
        spec = find_spec(name)
        loader: Any = spec.loader if spec else None
        if loader is not None:
            load: Callable[[ModuleType], None] = loader.exec_module

            def seeded(module: ModuleType) -> None:
                load(module)
                module.__dict__["seed"](self._seed)

            loader.exec_module = seeded
        return spec
