"""The verbs of tokens."""

from __future__ import annotations

import json

import click

from landbridge_gateway.cli.group import Duration, home_option, json_option, main
from landbridge_gateway.model import Json, Role
from landbridge_gateway.settings import Settings


@main.group(invoke_without_command=True)
@home_option
@click.option("--link", is_flag=True, help="A link that signs one browser in, once, instead of the token.")
@click.pass_context
def token(ctx: click.Context, home: str | None, link: bool) -> None:
    """Print the owner's token; or make, list and take back the tokens of others."""
    from landbridge_gateway.local import Local, token_of

    ctx.obj = home
    if ctx.invoked_subcommand is None:
        place = Settings.load(home=home).home
        click.echo(Local(place).sign_in_link() if link else token_of(place))


@token.command("add")
@home_option
@click.option("--name", required=True, help="Whose it is: small letters, digits, dots and dashes.")
@click.option("--role", type=click.Choice([str(role) for role in Role]), default=str(Role.MEMBER), show_default=True)
@click.option("--expires", type=Duration(), metavar="30d", help="How long it is valid; always when not said.")
@json_option
@click.pass_obj
def add_token(outer: str | None, home: str | None, name: str, role: str, expires: int | None, as_json: bool) -> None:
    """Make a token and print it, this once.

    A viewer sees everything and changes nothing; a member sees and changes what is its own; an admin everything.
    """
    made = _ask(home or outer, "POST", "/tokens", {"name": name, "role": role, "seconds": expires})
    if as_json:
        click.echo(json.dumps(made, indent=2))
        return
    until = f", until {made['token']['expires'][:16]}Z" if made["token"]["expires"] else ""
    click.echo(f"{name} is a {role}{until}. The token is told this once:", err=True)
    click.echo(made["secret"])


@token.command("list")
@home_option
@json_option
@click.pass_obj
def list_tokens(outer: str | None, home: str | None, as_json: bool) -> None:
    """List the tokens: name, role, when it was made, until when it is valid."""
    found = _ask(home or outer, "GET", "/tokens")["tokens"]
    if as_json:
        click.echo(json.dumps(found, indent=2))
        return
    for one in found:
        click.echo(f"{one['name']:<20} {one['role']:<7} {one['created'][:10]}  {_validity(one)}")


@token.command("revoke")
@home_option
@click.argument("name")
@click.pass_obj
def revoke_token(outer: str | None, home: str | None, name: str) -> None:
    """Take a token back: what waits by it ends at once; the jobs stay."""
    _ask(home or outer, "DELETE", f"/tokens/{name}")
    click.echo(f"{name}  revoked")


def _validity(one: Json) -> str:
    if one["revoked"]:
        return f"revoked {one['revoked'][:10]}"
    if one["expires"] is None:
        return "valid"
    return f"{'valid until' if one['valid'] else 'expired'} {one['expires'][:16]}Z"


def _ask(home: str | None, method: str, path: str, body: Json | None = None) -> Json:
    from landbridge_gateway.local import Local

    return Local(Settings.load(home=home).home).call(method, path, body)
