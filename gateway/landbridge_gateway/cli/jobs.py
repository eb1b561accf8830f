"""The verbs of jobs."""

from __future__ import annotations

import json
import sys
from typing import Any

import click

from landbridge_gateway.cli.group import home_option, json_option, main
from landbridge_gateway.settings import Settings


@main.command()
@home_option
@click.option("--state", multiple=True, help="Only jobs in this state; may be given more than once.")
@click.option("--experiment", help="Only jobs of this experiment.")
@click.option("--text", help="Only jobs whose name, experiment or id fits.")
@click.option("--limit", type=int, default=20, show_default=True)
@json_option
def jobs(home: str | None, as_json: bool, **query: Any) -> None:
    """List jobs, the newest first."""
    from landbridge_gateway.local import Local

    found = Local(Settings.load(home=home).home).jobs(**query)
    if as_json:
        click.echo(json.dumps(found, indent=2))
        return
    for job in found:
        seconds = "" if job["seconds"] is None else f"{job['seconds']:.1f} s"
        click.echo(f"{job['id']}  {job['state']:<9} {job['language']:<6} {seconds:>9}  {job['name']}")


@main.command()
@home_option
@click.argument("job")
@json_option
def show(home: str | None, job: str, as_json: bool) -> None:
    """Show one job: state, error, metrics, address of its page."""
    from landbridge_gateway.local import Local

    local = Local(Settings.load(home=home).home)
    found = local.call("GET", f"/jobs/{job}")["job"]
    record = local.call("GET", f"/jobs/{job}/record")
    attempts = local.call("GET", f"/jobs/{job}/attempts")["attempts"]
    if as_json:
        click.echo(json.dumps({"job": found, "record": record, "attempts": attempts}, indent=2))
        return
    for name in ("name", "state", "cause", "runtime", "experiment", "submitted", "seconds", "url"):
        if found[name] is not None:
            click.echo(f"{name:<11} {found[name]}")
    if found["error"]:
        click.echo(f"error       {found['error']['type']}: {found['error']['message']}")
        if found["error"].get("hint"):
            click.echo(f"            {found['error']['hint']}")
        for stream, lines in (found["error"].get("log_tail") or {}).items():
            for line in lines:
                click.echo(f"{stream:<11} {click.unstyle(line)}")
    for warning in found["warnings"]:
        click.echo(f"warning     {warning['message']}")
    for attempt in attempts if len(attempts) > 1 else []:
        click.echo(f"attempt {attempt['number']:<3} {attempt['state']} {attempt['message'] or ''}")
    for metric in {metric["name"]: metric for metric in record["metrics"]}.values():
        click.echo(f"{metric['name']:<11} {metric['value']}")


@main.command()
@home_option
@click.argument("job")
@click.option("--stream", type=click.Choice(["stdout", "stderr"]), default="stdout", show_default=True)
@click.option("--tail", type=int, default=100, show_default=True, help="How many of the last lines.")
@click.option("-f", "--follow", is_flag=True, help="Go on until the job has ended.")
def logs(home: str | None, job: str, stream: str, tail: int, follow: bool) -> None:
    """Print a job's log."""
    from landbridge_gateway.local import Local

    local = Local(Settings.load(home=home).home)
    parts = local.follow(job, stream, tail) if follow else [local.log(job, stream, tail=tail).data]
    for part in parts:
        sys.stdout.buffer.write(part)
        sys.stdout.flush()


@main.command()
@home_option
@click.argument("job")
def cancel(home: str | None, job: str) -> None:
    """Cancel a job; one that has ended stays as it is."""
    from landbridge_gateway.local import Local

    found = Local(Settings.load(home=home).home).call("POST", f"/jobs/{job}/cancel")["job"]
    click.echo(f"{found['id']}  {found['state']}")
