"""The verbs of keeping and leaving."""

from __future__ import annotations

import json
from pathlib import Path

import click

from landbridge_gateway.cli.group import Duration, home_option, json_option, main
from landbridge_gateway.model import Json
from landbridge_gateway.settings import Settings

_SHOWN = 20


@main.command()
@home_option
@click.argument("target", type=click.Path(path_type=Path))
def backup(home: str | None, target: Path) -> None:
    """Back up the whole home, into a folder or a .tar file that is not there yet. A running gateway goes on."""
    from landbridge_gateway.keeping.commands import back_up

    about = back_up(Settings.load(home=home).home, target)
    click.echo(f"{target}  {_jobs(about['jobs'])}, {about['objects']:,} objects, {_size(about['bytes'])}")


@main.command()
@home_option
@click.argument("source", metavar="BACKUP", type=click.Path(path_type=Path))
def restore(home: str | None, source: Path) -> None:
    """Make a new home of a backup. Its tokens go on, but for the owner's, which is made anew."""
    from landbridge_gateway.keeping.restoring import restore as restored

    place = Settings.load(home=home).home
    found = restored(source, place)
    click.echo(f"{place}  {_jobs(found.about['jobs'])}, {found.about['objects']:,} objects of {found.about['made']}")
    if found.lost:
        click.echo(f"{_jobs(len(found.lost))} ran then and ended as lost: {_some(found.lost)}", err=True)


@main.command()
@home_option
@click.option("--older-than", type=Duration(), metavar="30d", help="Jobs that ended so long ago.")
@click.option("--experiment", metavar="NAME", help="Jobs of this experiment.")
@click.option("--dry-run/--yes", default=True, help="Only say what would go, which is the default; or remove it.")
@json_option
def gc(home: str | None, older_than: int | None, experiment: str | None, dry_run: bool, as_json: bool) -> None:
    """Remove jobs that have ended, with their logs and objects; never what anything that stays needs."""
    from landbridge_gateway.keeping.commands import collect_garbage

    found = collect_garbage(Settings.load(home=home).home, older_than, experiment, dry_run)
    click.echo(json.dumps(found, indent=2) if as_json else _told(found))


def _told(found: Json) -> str:
    jobs = found["jobs"]
    lines = [f"{job['id']}  {job['state']:<9} {job['ended'][:10]}  {job['name']}" for job in jobs[:_SHOWN]]
    if len(jobs) > _SHOWN:
        lines.append(f"and {len(jobs) - _SHOWN:,} more (--json lists them all)")
    verb = "removed" if found["done"] else "would remove"
    lines.append(f"{verb} {_jobs(len(jobs))}, {found['objects']:,} objects, {_size(found['bytes'])}")
    kept = ", ".join(f"{count:,} {why}" for why, count in found["kept"].items())
    lines += [f"stay: {kept}"] if kept else []
    if not found["done"] and (jobs or found["objects"]):
        lines.append("nothing was removed; --yes removes it")
    return "\n".join(lines)


def _jobs(count: int) -> str:
    return f"{count:,} job{'' if count == 1 else 's'}"


def _some(jobs: list[str]) -> str:
    return ", ".join(jobs[:_SHOWN]) + (" ..." if len(jobs) > _SHOWN else "")


def _size(count: float) -> str:
    units = ["bytes", "kB", "MB", "GB", "TB"]
    while count >= 1000 and len(units) > 1:
        count /= 1000
        units.pop(0)
    return f"{count:,.0f} bytes" if units[0] == "bytes" else f"{count:,.1f} {units[0]}"
