"""The verbs of images."""

from __future__ import annotations

import click

from landbridge_gateway.cli.group import main


@main.group()
def images() -> None:
    """The container images of the runtimes."""


@images.command("build")
@click.argument("runtime", nargs=-1)
@click.option("--all", "whole", is_flag=True, help="of every runtime, also of those that a job's first use builds")
def build_images(runtime: tuple[str, ...], whole: bool) -> None:
    """Build the images of the usual runtimes, or of those that are named; what is there already is kept."""
    from landbridge_gateway.environments.commands import build

    if whole and runtime:
        raise click.UsageError("--all builds every runtime: name none, or leave it out.")
    for name, image in build(runtime, lambda line: click.echo(line, err=True), whole):
        click.echo(f"{name}  {image}")


@images.command("list")
def list_images() -> None:
    """Show the runtimes and their images, also those that are not built yet."""
    from landbridge_gateway.environments.commands import listing

    for line in listing():
        click.echo(line)


@images.command("prune")
def prune_images() -> None:
    """Remove images of ours that no runtime uses any more."""
    from landbridge_gateway.environments.commands import prune

    for tag in prune():
        click.echo(tag)
