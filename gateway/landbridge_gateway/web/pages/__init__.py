"""The pages: the API's data as HTML, at addresses that people can mail; each has a twin with another ending."""

from __future__ import annotations

from typing import Any

from flask import Flask, render_template, request

from landbridge_gateway import __version__
from landbridge_gateway.errors import GatewayError, Unauthorized
from landbridge_gateway.web.pages import job, jobs, sign_in, static, text

_MACHINE_ENDINGS = (".json", ".txt")


def register(app: Flask) -> None:
    for part in (sign_in, jobs, job, static):
        app.register_blueprint(part.blueprint)
    text.register(app)
    app.jinja_env.trim_blocks = True
    app.jinja_env.lstrip_blocks = True
    app.jinja_env.globals["version"] = __version__


def is_page_request() -> bool:
    return not request.path.startswith("/api/") and not request.path.endswith(_MACHINE_ENDINGS)


def error_page(error: GatewayError) -> tuple[str, int]:
    """The same error as a page; who is not signed in is shown how."""
    template = "sign_in.html" if isinstance(error, Unauthorized) else "error.html"
    values: dict[str, Any] = {"error": error, "wrong": False}
    return render_template(template, **values), error.status
