"""The verbs of tokens."""

from __future__ import annotations

import click

from landbridge_gateway.cli.group import home_option, main
from landbridge_gateway.settings import Settings


@main.command()
@home_option
@click.option("--link", is_flag=True, help="A link that signs one browser in, once, instead of the token.")
def token(home: str | None, link: bool) -> None:
    """Print the token of the gateway on this machine."""
    from landbridge_gateway.local import Local, token_of

    place = Settings.load(home=home).home
    click.echo(Local(place).sign_in_link() if link else token_of(place))
