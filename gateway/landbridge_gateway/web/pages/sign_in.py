"""Signing a browser in: by the link that the gateway prints, once, or by the token."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, redirect, render_template, request

from landbridge_gateway.web.access import COOKIE, PUBLIC, READ, access, check_origin, tried
from landbridge_gateway.web.services import services

blueprint = Blueprint("sign_in", __name__)
_LONGEST_TOKEN = 200


@blueprint.get("/")
@access(READ)
def home() -> Any:
    return redirect("/jobs")


@blueprint.get("/signin")
@access(PUBLIC)
def form() -> Any:
    code = request.args.get("code")
    if code is None:
        return render_template("sign_in.html", wrong=False)
    secret = tried(lambda: services().tokens.redeem_link(code[:_LONGEST_TOKEN]))
    if secret is None:
        return render_template("sign_in.html", wrong="This link was used already, or is too old."), 403
    return _signed_in(secret)


@blueprint.post("/signin")
@access(PUBLIC)
def by_token() -> Any:
    check_origin()
    tokens = services().tokens
    given = request.form.get("token", "").strip()[:_LONGEST_TOKEN]
    found = tried(lambda: tokens.find(given))
    if found is None:
        return render_template("sign_in.html", wrong="That is not one of this gateway's tokens."), 401
    secret = tokens.redeem_link(tokens.new_link(found["name"]))
    return _signed_in(secret or "")


@blueprint.post("/signout")
@access(READ)
def sign_out() -> Any:
    services().tokens.end_session(request.cookies.get(COOKIE, ""))
    answer = redirect("/signin", 303)
    answer.delete_cookie(COOKIE)
    return answer


def _signed_in(secret: str) -> Response:
    answer: Any = redirect("/jobs", 303)
    answer.set_cookie(COOKIE, secret, max_age=30 * 24 * 3600, httponly=True, samesite="Lax", secure=request.is_secure)
    return answer  # type: ignore[no-any-return]
