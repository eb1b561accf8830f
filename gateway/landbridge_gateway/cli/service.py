"""Running the gateway, and looking at what it runs on."""

from __future__ import annotations

import json
import logging
import sys
from typing import Any

import click

from landbridge_gateway.cli.group import home_option, json_option, main
from landbridge_gateway.cli.log_lines import OneLine
from landbridge_gateway.settings import TABLE, Settings


@main.command()
@home_option
@click.option("--port", type=int, metavar="N", help="Port to listen on; 0 picks a free one (LANDBRIDGE_PORT; 8750).")
@click.option("--engine", type=click.Choice(["docker", "process"]), help="What runs jobs (LANDBRIDGE_ENGINE; docker).")
@click.option("--host", metavar="NAME", help="Address to listen on (LANDBRIDGE_HOST; 127.0.0.1); beyond it with TLS.")
@click.option("--plain-http", is_flag=True, default=None, help="Beyond this machine without TLS: others can read all.")
@click.option("-o", "--open", "open_page", is_flag=True, help="Open the page in the browser when it is ready.")
def serve(open_page: bool, **given: Any) -> None:
    """Start the gateway and its warden; stop them with Ctrl-C."""
    from landbridge_gateway.supervisor import Supervisor

    def say(line: str) -> None:
        click.echo(line)
        if open_page and line.startswith("sign in "):
            click.launch(line.removeprefix("sign in "))

    sys.exit(Supervisor(Settings.load(**given), say).run())


@main.command()
@home_option
def doctor(home: str | None) -> None:
    """Look at what the gateway needs on this machine; each failure says how to mend it."""
    from landbridge_gateway.doctor import examine

    findings = examine(Settings.load(home=home))
    for finding in findings:
        click.echo(f"{'ok  ' if finding.fine else 'FAIL'} {finding.about}: {finding.told}")
        if not finding.fine:
            click.echo(f"     {finding.remedy}")
    sys.exit(0 if all(finding.fine for finding in findings) else 1)


@main.command()
@home_option
@json_option
def config(home: str | None, as_json: bool) -> None:
    """Show each setting, its value, and where it came from."""
    settings = Settings.load(home=home)
    rows = [
        {
            "name": setting.name,
            "value": str(settings.values[setting.name]),
            "from": settings.origins[setting.name],
            "variable": setting.variable,
            "help": setting.help,
        }
        for setting in TABLE
    ]
    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return
    for row in rows:
        click.echo(f"{row['name']:<15} {row['value']:<28} {row['from']:<12} {row['variable']}: {row['help']}")


@main.command("gateway-process", hidden=True)
@click.argument("descriptor", type=int)
def gateway_process(descriptor: int) -> None:
    from landbridge_gateway.web.server import run_gateway

    _log_to_stderr()
    run_gateway(Settings.load(), descriptor)


@main.command("warden-process", hidden=True)
def warden_process() -> None:
    from landbridge_gateway.warden.run import run_warden

    _log_to_stderr()
    sys.exit(run_warden(Settings.load()))


def _log_to_stderr() -> None:
    handler = logging.StreamHandler()
    handler.setFormatter(OneLine("%(asctime)s %(levelname)s %(name)s %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
