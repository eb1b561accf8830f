"""The verbs of environments: runtimes with the packages of tasks."""

from __future__ import annotations

import click

from landbridge_gateway.cli.group import home_option, main


@main.group()
def env() -> None:
    """What was built of the packages that tasks name."""


@env.command("list")
@home_option
def list_environments(home: str | None) -> None:
    """Show the environments, the one that was used last first."""
    from landbridge_gateway.environments.shown import listing

    for line in listing(home):
        click.echo(line)


@env.command("show")
@click.argument("environment")
@home_option
def show_environment(environment: str, home: str | None) -> None:
    """Show what an environment is made of."""
    from landbridge_gateway.environments.shown import showing

    for line in showing(environment, home):
        click.echo(line)


@env.command("export")
@click.argument("environment")
@home_option
def export_environment(environment: str, home: str | None) -> None:
    """Print a requirements.txt, or an renv.lock, with the same versions."""
    from landbridge_gateway.environments.shown import exported

    click.echo(exported(environment, home), nl=False)


@env.command("log")
@click.argument("environment")
@home_option
def show_log(environment: str, home: str | None) -> None:
    """Print what the build of an environment said."""
    from landbridge_gateway.environments.shown import log_of

    click.echo(log_of(environment, home).read_text(encoding="utf-8", errors="replace"), nl=False)


@env.command("prune")
@click.option("--keep", default=0, show_default=True, help="How many are kept: those that were used last.")
@click.option("--dry-run", is_flag=True, help="Only show what would go.")
@home_option
def prune_environments(keep: int, dry_run: bool, home: str | None) -> None:
    """Remove environments that no container uses; they are built again when a job wants them."""
    from landbridge_gateway.environments.shown import prune

    prune(keep, dry_run, click.echo, home)
