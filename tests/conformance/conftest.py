"""What every test of the workers needs."""

from __future__ import annotations

from pathlib import Path

import pytest
from landbridge_gateway.schemas import Schemas

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def schemas() -> Schemas:
    return Schemas(ROOT / "containers" / "schema")
