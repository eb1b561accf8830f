"""The verbs of images."""

from __future__ import annotations

import click

from landbridge_gateway.cli.group import main


@main.group()
def images() -> None:
    """The container images of the runtimes."""


@images.command("build")
@click.argument("runtime", nargs=-1)
def build_images(runtime: tuple[str, ...]) -> None:
    """Build the images of all runtimes, or of those that are named; what is there already is kept."""
    from landbridge_gateway.environments.commands import build

    for name, image in build(runtime, lambda line: click.echo(line, err=True)):
        click.echo(f"{name}  {image}")


@images.command("list")
def list_images() -> None:
    """Show the runtimes and their images."""
    from landbridge_gateway.environments.commands import listing

    for line in listing():
        click.echo(line)


@images.command("prune")
def prune_images() -> None:
    """Remove images of ours that no runtime uses any more."""
    from landbridge_gateway.environments.commands import prune

    for tag in prune():
        click.echo(tag)
