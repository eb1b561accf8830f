"""The warden process: the engine of the settings behind the private socket."""

from __future__ import annotations

import os
import signal

from landbridge_gateway.depot.layout import Layout
from landbridge_gateway.engines.interface import Engine, EngineError
from landbridge_gateway.home import Home
from landbridge_gateway.lifeline import Lifeline
from landbridge_gateway.settings import Settings
from landbridge_gateway.warden.pool import Pool
from landbridge_gateway.warden.server import Warden


def run_warden(settings: Settings) -> int:
    """Obey until SIGTERM. Containers go on; the next warden finds them by their labels."""
    lifeline, home = Lifeline(), Home(settings.home)
    try:
        engine = _engine(settings, home)
    except EngineError as error:
        lifeline.say(problem=error.message, hint=error.hint)
        return os.EX_UNAVAILABLE
    pool = Pool(settings.pool_memory, settings.pool_idle, processors=os.cpu_count() or 1)
    warden = Warden(home, engine, settings.grace, pool)

    def stop(*_: object) -> None:
        warden.close()
        os._exit(0)  # threads of the engine's client may be waiting for a container

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    lifeline.hold()
    warden.serve(ready=lambda: lifeline.say(ready=True))
    return 0


def _engine(settings: Settings, home: Home) -> Engine:
    # Each engine is imported only where it is used: the process engine needs no Docker SDK.
    if settings.engine == "process":
        from landbridge_gateway.engines.process import ProcessEngine

        return ProcessEngine(home.gateway_id(), Layout(home.depot))
    if settings.engine == "docker":
        from landbridge_gateway.engines.docker import DockerEngine
        from landbridge_gateway.environments.images import ImageBuilder
        from landbridge_gateway.environments.opening import open_shelf
        from landbridge_gateway.environments.runtimes import Runtimes
        from landbridge_gateway.environments.sources import packaged_folder

        runtimes = Runtimes.load(packaged_folder("containers"))
        return DockerEngine(
            home.gateway_id(),
            runtimes,
            lambda client: ImageBuilder(client),
            address=settings.docker_host,
            container_runtime=settings.container_runtime,
            shelf=lambda client, builder: open_shelf(client, builder, runtimes, settings, home.gateway_id()),
        )
    raise EngineError(f"There is no engine `{settings.engine}`.", "There are: docker, process.")
