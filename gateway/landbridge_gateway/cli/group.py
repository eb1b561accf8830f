"""The command itself, and what its verbs have in common."""

from __future__ import annotations

import sys
from typing import Any

import click

from landbridge_gateway import __version__
from landbridge_gateway.errors import GatewayError


class _Group(click.Group):
    """Every typed error ends the command with its sentence and its way out."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except GatewayError as error:
            click.echo(error.message, err=True)
            if error.hint:
                click.echo(error.hint, err=True)
            sys.exit(1)


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="landbridge")
def main() -> None:
    """One gateway for R and Python experiments."""


def home_option(command: Any) -> Any:
    return click.option("--home", metavar="DIR", help="The gateway's folder (LANDBRIDGE_HOME; ~/.landbridge).")(command)


def json_option(command: Any) -> Any:
    return click.option("--json", "as_json", is_flag=True, help="As JSON.")(command)
