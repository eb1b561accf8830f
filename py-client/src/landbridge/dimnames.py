"""A numpy array that remembers the dimnames of the R array it came from, so that they return with it."""

from __future__ import annotations

from typing import Any

import numpy as np

from landbridge.kinds import Json


class DimnamesArray(np.ndarray[Any, Any]):
    """Only the array as it came has the names; whatever is computed from it has none."""

    landbridge_dimnames: Json | None = None

    def __reduce__(self) -> Any:
        return self.view(np.ndarray).__reduce__()


def with_dimnames(x: Any, names: Json) -> Any:
    if isinstance(x, np.ma.MaskedArray):
        return x
    named = x.view(DimnamesArray)
    named.landbridge_dimnames = names
    return named
