"""The command itself, and what its verbs have in common."""

from __future__ import annotations

import re
import sys
from typing import Any

import click

from landbridge_gateway import __version__
from landbridge_gateway.errors import GatewayError

_SECONDS = {"m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}


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


class Duration(click.ParamType[int]):
    """A number and a unit; seconds for the verb."""

    name = "duration"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> int:
        found = re.fullmatch(r"([1-9][0-9]{0,5})([mhdw])", value)
        if not found:
            self.fail(f"`{value}` is no duration: it looks like 30d, 12h or 90m.", param, ctx)
        return int(found[1]) * _SECONDS[found[2]]


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="landbridge")
def main() -> None:
    """One gateway for R and Python experiments."""


def home_option(command: Any) -> Any:
    return click.option("--home", metavar="DIR", help="The gateway's folder (LANDBRIDGE_HOME; ~/.landbridge).")(command)


def json_option(command: Any) -> Any:
    return click.option("--json", "as_json", is_flag=True, help="As JSON.")(command)
