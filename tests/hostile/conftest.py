"""The gateway in process, as in tests/gateway, and callers of every role."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask.testing import FlaskClient
from landbridge_gateway.model import Role
from landbridge_gateway.web.app import create_app
from landbridge_gateway.web.services import Services

from tests.gateway.conftest import client, commands, in_line, road, services, settings, stranger

__all__ = ["client", "commands", "in_line", "road", "services", "settings", "stranger"]


@pytest.fixture
def caller(services: Services) -> Callable[..., FlaskClient]:
    """Makes a token of a name and a role, and a client that sends it."""

    def made(name: str, role: Role = Role.MEMBER, seconds: int | None = None) -> FlaskClient:
        _, secret = services.tokens.add(name, role, seconds)
        found = create_app(services).test_client()
        found.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {secret}"
        return found

    return made
