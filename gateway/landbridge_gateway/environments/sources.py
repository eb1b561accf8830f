"""Where the parts of the project lie that go into images: bundled in the installed package, or in a source checkout."""

from __future__ import annotations

from pathlib import Path

import landbridge_gateway
from landbridge_gateway.errors import InternalError


def packaged_folder(name: str) -> Path:
    """The folder ``containers``, ``py-client`` or ``r-client``. Raises InternalError when it is missing."""
    package = Path(landbridge_gateway.__file__).resolve().parent
    candidates = (package / "_bundled" / name, package.parent.parent / name)
    for folder in candidates:
        if folder.is_dir():
            return folder
    raise InternalError(
        f"The folder `{name}` is neither in the installed package nor beside its sources.",
        "Install landbridge-gateway again, or run it from a whole checkout.",
        looked_in=[str(folder) for folder in candidates],
    )
