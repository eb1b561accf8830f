"""P13: packages for a task, ready for its container, beside the same installed by hand and by `docker build`.

By hand: a container of the runtime's image, in which `uv pip install` (its cache warm), or `apt-get install` (what it
downloads there already), does the work. `docker build` installs into a layer on the same image by pip or apt-get, as
people who write a Dockerfile do, with nothing cached but the image. Ours is measured from the wish to an environment
that a job's container can be started in, with versions solved and written down.
"""

from __future__ import annotations

import itertools
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import uv
from landbridge_gateway.environments.host import Host
from landbridge_gateway.environments.images import ImageBuilder
from landbridge_gateway.environments.opening import open_shelf
from landbridge_gateway.environments.places import place_of
from landbridge_gateway.environments.reaching import engine_client
from landbridge_gateway.environments.recipe import File, context
from landbridge_gateway.environments.runtimes import Runtimes
from landbridge_gateway.environments.shelf import Shelf
from landbridge_gateway.environments.sources import packaged_folder
from landbridge_gateway.environments.wanted import Wanted
from landbridge_gateway.settings import Settings

from bench.figures import OURS, Budget, Figure
from bench.interleaving import interleaved
from bench.run import Run

BY_HAND, BUILD = "by hand", "docker build"
PYTHON = ("scikit-learn",)
R = ("ranger", "broom", "glmnet", "lme4", "patchwork")
_FAST = 1000  # milliseconds that count as none: what is there is found
_APT = "apt-get -qq -y --no-install-recommends install"
_CACHED = "-o Dir::State::lists=/mnt/lists -o Dir::Cache::archives=/mnt/archives -o APT::Sandbox::User=root"


def measure(run: Run) -> list[Figure]:
    """Each sample has a wish of its own, so that nothing is there that fulfils it."""
    client = engine_client("")
    runtimes = Runtimes.load(packaged_folder("containers"))
    with tempfile.TemporaryDirectory(dir=run.serving.home) as folder:
        settings = Settings.load(home=folder)
        shelf = open_shelf(client, ImageBuilder(client), runtimes, settings, "bench")
        try:
            return [
                figure
                for language in run.languages
                for figure in (_Measured(run, shelf, Path(folder), language).figures())
            ]
        finally:
            shelf.prune(0)
            client.close()


class _Measured:
    def __init__(self, run: Run, shelf: Shelf, home: Path, language: str) -> None:
        self.run, self.shelf, self.home, self.language = run, shelf, home, language
        self.runtime = {"python": "python:3.14", "r": "r:4.6"}[language]
        self.packages = {"python": PYTHON, "r": R}[language]
        self.numbers = itertools.count(1)
        self.image = ""

    def figures(self) -> list[Figure]:
        self.image = self.shelf.ensure(*self.wish(self.packages), lambda _: None).runtime_image  # and warms the caches
        samples = max(1, self.run.samples // (5 if self.language == "python" else 10))
        contenders: dict[str, Callable[[], float]] = {OURS: self.ours, BY_HAND: self.by_hand}
        if not self.run.quick:
            contenders[BUILD] = self.built
        found = interleaved(contenders, samples, {OURS: ("record",)})
        what = f"{len(self.packages)} packages" if len(self.packages) > 1 else self.packages[0]
        new = Figure(
            *("P13", f"an environment with {what}, {self.language}", "ms", list(found.values())),
            budgets=[Budget(1.5, beside=BY_HAND)],
            variant=f"{self.language} new",
        )
        again = interleaved({OURS: self.again}, self.run.samples)
        found_again = Figure(
            *("P13", f"the same environment again, {self.language}", "ms", list(again.values())),
            budgets=[Budget(_FAST)],
            variant=f"{self.language} again",
        )
        return [new, found_again]

    def wish(self, packages: Sequence[str]) -> tuple[str, Wanted]:
        """The packages, in a wish that nobody had before: a version that does not exist is ruled out."""
        excluded = f"{packages[0]}!=0.0.{next(self.numbers)}"
        wanted = Wanted(self.language, tuple(sorted([*packages[1:], excluded])))
        return place_of(self.runtime, wanted.key), wanted

    def ours(self) -> float:
        place, wanted = self.wish(self.packages)
        start = time.perf_counter()
        self.shelf.ensure(place, wanted, lambda _: None)
        taken = (time.perf_counter() - start) * 1000
        self.shelf.prune(0)  # the next one of R stands on the runtime's image again
        return taken

    def again(self) -> float:
        if not hasattr(self, "kept"):
            self.kept = self.wish(self.packages)
            self.shelf.ensure(*self.kept, lambda _: None)
        start = time.perf_counter()
        self.shelf.ensure(*self.kept, lambda _: None)
        return (time.perf_counter() - start) * 1000

    def by_hand(self) -> float:
        """In a container, with the caches that ours has as well."""
        host, options = Host.read(""), list[str]()
        if host.ca_bundle:
            options += [f"--volume={host.ca_bundle}:/srv/ca.crt:ro", "--env=SSL_CERT_FILE=/srv/ca.crt"]
        if self.language == "python":
            cache = self.home / "environments" / "cache"
            options += [f"--volume={uv.find_uv_bin()}:/usr/local/bin/uv:ro", f"--volume={cache}:/srv/cache"]
            options += ["--env=UV_CACHE_DIR=/srv/cache", "--env=UV_LINK_MODE=copy"]
            program = f"uv venv -q /tmp/x && uv pip install -q --python /tmp/x/bin/python {' '.join(self.packages)}"
        else:
            options += [f"--volume=landbridge-apt-{self.runtime.replace(':', '-')}:/mnt"]
            program = f"{_APT} {_CACHED} {self._debian()}"
        command = ["docker", "run", "--rm", "--user=0:0", "--entrypoint=sh", *options, self.image, "-c", program]
        start = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        return (time.perf_counter() - start) * 1000

    def built(self) -> float:
        """A layer on the runtime's image, by a Dockerfile and with nothing in a cache."""
        host, client = Host.read(""), engine_client("")
        files = {"uv": File(Path(uv.find_uv_bin()).read_bytes(), True)} if self.language == "python" else {}
        files["ca.crt"] = File(host.ca_bundle.read_bytes() if host.ca_bundle else b"")
        trust = 'Acquire::https::CAInfo "/srv/ca.crt";\n' if host.ca_bundle else ""
        files["apt.conf"] = File((host.apt_options + trust + 'APT::Sandbox::User "root";\n').encode())
        lines = [f"FROM {self.image}", "USER 0:0", "COPY . /srv"]
        if self.language == "python":
            trusted = "SSL_CERT_FILE=/srv/ca.crt " if host.ca_bundle else ""
            lines += [f"RUN {trusted}/srv/uv pip install -q --python /opt/python/bin/python {' '.join(self.packages)}"]
        else:
            lines += [f"RUN export APT_CONFIG=/srv/apt.conf && apt-get -qq update && {_APT} {self._debian()}"]
        files["Dockerfile"] = File("\n".join(lines).encode())
        start = time.perf_counter()
        image, _ = client.images.build(fileobj=context(files), custom_context=True, nocache=True, rm=True)
        taken = (time.perf_counter() - start) * 1000
        client.images.remove(image.id, force=True)
        client.close()
        return taken

    def _debian(self) -> str:
        return " ".join(f"r-cran-{name.lower()}" for name in self.packages)
