"""The verbs of secrets."""

from __future__ import annotations

import json
import sys

import click

from landbridge_gateway.cli.group import home_option, json_option, main
from landbridge_gateway.errors import InvalidField
from landbridge_gateway.settings import Settings


@main.group()
def secret() -> None:
    """Values for jobs that nothing else shows: passwords, keys, tokens."""


@secret.command("set")
@home_option
@click.argument("name")
def set_secret(home: str | None, name: str) -> None:
    """Store a secret; its value is asked for, or read from standard input."""
    from landbridge_gateway.local import Local

    local = Local(Settings.load(home=home).home)
    # Never an argument: those are seen by everybody on the machine, and kept by shells.
    if sys.stdin.isatty():
        value = click.prompt(f"Value of {name}", hide_input=True, confirmation_prompt=True, err=True)
    else:
        value = _text(sys.stdin.buffer.read())
    found = local.call("PUT", f"/secrets/{name}", body={"value": value})["secret"]
    click.echo(f"{found['name']}  {found['changed']}")


def _text(data: bytes) -> str:
    try:
        return data.decode().removesuffix("\n")
    except UnicodeDecodeError:
        # Without the cause: that shows the bytes.
        raise InvalidField("The value of a secret is text in UTF-8.", "Store bytes as base64, say.") from None


@secret.command("list")
@home_option
@json_option
def list_secrets(home: str | None, as_json: bool) -> None:
    """List secrets: names, whose they are and when they were set, never the values."""
    from landbridge_gateway.local import Local

    found = Local(Settings.load(home=home).home).call("GET", "/secrets")["secrets"]
    if as_json:
        click.echo(json.dumps(found, indent=2))
        return
    for one in found:
        click.echo(f"{one['name']:<24} {one['owner']:<16} {one['changed']}")


@secret.command("remove")
@home_option
@click.argument("name")
def remove_secret(home: str | None, name: str) -> None:
    """Remove a secret; jobs that have begun keep what they were given."""
    from landbridge_gateway.local import Local

    found = Local(Settings.load(home=home).home).call("DELETE", f"/secrets/{name}")["secret"]
    click.echo(f"{found['name']}  removed")
