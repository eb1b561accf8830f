"""The `landbridge` command: no logic, only calls. Talk goes to stderr, output to stdout."""

from __future__ import annotations

import json
import logging
import sys
from typing import Any

import click

from landbridge_gateway import __version__
from landbridge_gateway.errors import GatewayError
from landbridge_gateway.settings import TABLE, Settings


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


def _home_option(command: Any) -> Any:
    return click.option("--home", metavar="DIR", help="The gateway's folder (LANDBRIDGE_HOME; ~/.landbridge).")(command)


def _json_option(command: Any) -> Any:
    return click.option("--json", "as_json", is_flag=True, help="As JSON.")(command)


@main.command()
@_home_option
@click.option("--port", type=int, metavar="N", help="Port to listen on; 0 picks a free one (LANDBRIDGE_PORT; 8750).")
@click.option("--engine", type=click.Choice(["docker", "process"]), help="What runs jobs (LANDBRIDGE_ENGINE; docker).")
@click.option("-o", "--open", "open_page", is_flag=True, help="Open the page in the browser when it is ready.")
def serve(home: str | None, port: int | None, engine: str | None, open_page: bool) -> None:
    """Start the gateway and its warden; stop them with Ctrl-C."""
    from landbridge_gateway.supervisor import Supervisor

    def say(line: str) -> None:
        click.echo(line)
        if open_page and line.startswith("sign in "):
            click.launch(line.removeprefix("sign in "))

    sys.exit(Supervisor(Settings.load(home=home, port=port, engine=engine), say).run())


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


@main.command()
@_home_option
@click.option("--link", is_flag=True, help="A link that signs one browser in, once, instead of the token.")
def token(home: str | None, link: bool) -> None:
    """Print the token of the gateway on this machine."""
    from landbridge_gateway.local import Local, token_of

    place = Settings.load(home=home).home
    click.echo(Local(place).sign_in_link() if link else token_of(place))


@main.command()
@_home_option
@click.option("--state", multiple=True, help="Only jobs in this state; may be given more than once.")
@click.option("--experiment", help="Only jobs of this experiment.")
@click.option("--text", help="Only jobs whose name, experiment or id fits.")
@click.option("--limit", type=int, default=20, show_default=True)
@_json_option
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
@_home_option
@click.argument("job")
@_json_option
def show(home: str | None, job: str, as_json: bool) -> None:
    """Show one job: state, error, metrics, address of its page."""
    from landbridge_gateway.local import Local

    local = Local(Settings.load(home=home).home)
    found = local.call("GET", f"/jobs/{job}")["job"]
    record = local.call("GET", f"/jobs/{job}/record")
    if as_json:
        click.echo(json.dumps({"job": found, "record": record}, indent=2))
        return
    for name in ("name", "state", "cause", "runtime", "experiment", "submitted", "seconds", "url"):
        if found[name] is not None:
            click.echo(f"{name:<11} {found[name]}")
    if found["error"]:
        click.echo(f"error       {found['error']['type']}: {found['error']['message']}")
    for metric in {metric["name"]: metric for metric in record["metrics"]}.values():
        click.echo(f"{metric['name']:<11} {metric['value']}")


@main.command()
@_home_option
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
@_home_option
@click.argument("job")
def cancel(home: str | None, job: str) -> None:
    """Cancel a job; one that has ended stays as it is."""
    from landbridge_gateway.local import Local

    found = Local(Settings.load(home=home).home).call("POST", f"/jobs/{job}/cancel")["job"]
    click.echo(f"{found['id']}  {found['state']}")


@main.command()
@_home_option
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
@_home_option
@_json_option
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
    formatter = logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s")
    handler = logging.StreamHandler()
    handler.setFormatter(formatter)
    logging.basicConfig(level=logging.INFO, handlers=[handler])


if __name__ == "__main__":
    main()
