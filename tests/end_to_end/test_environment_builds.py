"""Builds that go wrong: each is ended, says why, and leaves nothing; and many environments, of which few are kept."""

from __future__ import annotations

import json
import os
import subprocess
import threading
from collections.abc import Iterator
from concurrent import futures
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import docker
import pytest
import uv
from landbridge_gateway.environments import workshop
from landbridge_gateway.environments.build import BuildFailed
from landbridge_gateway.environments.environment import Environment, Notes
from landbridge_gateway.environments.host import Host
from landbridge_gateway.environments.images import ImageBuilder
from landbridge_gateway.environments.places import place_of
from landbridge_gateway.environments.runtimes import Runtimes
from landbridge_gateway.environments.shelf import Abandoned, Shelf
from landbridge_gateway.environments.sources import packaged_folder
from landbridge_gateway.environments.wanted import Wanted, wanted

from tests.end_to_end.repository import Repository
from tests.patience import LONG
from tests.serving import COMMAND

pytestmark = [pytest.mark.docker, pytest.mark.slow]
RUNTIMES = {"python": "python:3.14", "r": "r:4.6"}


class Shelves:
    """Makes shelves in a folder of the test's own."""

    def __init__(self, root: Path, name: str) -> None:
        self.root, self.name = root, name
        self.client = docker.from_env(timeout=120)

    def make(self, seconds: float = 600, most: int = 200, cran: str = "", **pip: str) -> Shelf:
        containers = packaged_folder("containers")
        host = Host.read("", {**os.environ, **pip})
        if cran:
            host = replace(host, arguments={**host.arguments, "LANDBRIDGE_CRAN": cran})
        return Shelf(
            *(self.client, ImageBuilder(self.client), Runtimes.load(containers), self.root / "environments"),
            *(containers / "environments", Path(uv.find_uv_bin()), self.name, seconds, most, lambda: host),
        )

    def builds(self) -> list[str]:
        """The build containers that there are."""
        found = self.client.api.containers(all=True, filters={"name": f"landbridge-{self.name}-build-"})
        return [one["Names"][0].removeprefix("/") for one in found]


@pytest.fixture(scope="module", autouse=True)
def images():
    subprocess.run([*COMMAND, "images", "build", *RUNTIMES.values()], check=True)


@pytest.fixture
def shelves(tmp_path):
    made = Shelves(tmp_path, f"test{os.getpid()}")
    yield made
    while made.builds():
        continue  # modules are still being compiled
    made.make().prune(0)
    made.client.close()


def wish(language: str, *packages: str) -> tuple[str, Wanted]:
    wanted = Wanted(language, packages)
    return place_of(RUNTIMES[language], wanted.key), wanted


def failed(shelf: Shelf, language: str, *packages: str) -> BuildFailed:
    with pytest.raises(BuildFailed) as raised:
        shelf.ensure(*wish(language, *packages), lambda _: None)
    return raised.value


def nothing_is_left(shelves: Shelves) -> None:
    left = {path.suffix for path in (shelves.root / "environments").iterdir() if path.name.startswith("env_")}
    assert left <= {".log", ".lock"}
    assert shelves.builds() == []


@pytest.mark.parametrize(("language", "package"), [("python", "humanize"), ("r", "zoo")])
def test_one_that_takes_too_long_is_ended(shelves, language, package):
    told = failed(shelves.make(seconds=0), language, package)
    assert told.message == "The environment was not ready after 0 s."
    assert "LANDBRIDGE_BUILD_SECONDS" in told.hint
    nothing_is_left(shelves)


def test_one_that_fills_the_disk_is_ended(shelves, monkeypatch):
    monkeypatch.setattr(workshop, "_LEAST_FREE", 2**60)
    told = failed(shelves.make(), "r", "zoo")
    assert (told.message, "landbridge env prune" in told.hint) == ("The disk is full.", True)
    nothing_is_left(shelves)


def test_an_index_out_of_reach_is_told(shelves):
    told = failed(shelves.make(PIP_INDEX_URL="http://127.0.0.1:9/simple"), "python", "humanize")
    assert "The package index cannot be reached" in told.message
    assert "check this machine's network, apt and pip settings" in told.hint
    nothing_is_left(shelves)


def test_one_that_nobody_waits_for_is_ended(shelves):
    shelf, began = shelves.make(), threading.Event()
    place, wanted = wish("r", "lme4")
    raised: list[BaseException] = []

    def build() -> None:
        try:
            shelf.ensure(place, wanted, lambda _: began.set())
        except BuildFailed as error:
            raised.append(error)

    thread = threading.Thread(target=build)
    thread.start()
    assert began.wait(LONG)
    while not shelves.builds():
        assert thread.is_alive()
    shelf.abandon(place)
    thread.join(LONG)
    assert [type(one) for one in raised] == [Abandoned]
    nothing_is_left(shelves)


def test_what_an_earlier_process_was_building_is_removed(shelves):
    name = f"landbridge-{shelves.name}-build-env_0"
    image = ImageBuilder(shelves.client).find(Runtimes.load(packaged_folder("containers"))["python:3.14"])
    shelves.client.containers.run(image, ["600"], entrypoint=["sleep"], name=name, detach=True)
    assert shelves.builds() == [name]
    shelves.make().sweep()
    assert shelves.builds() == []


def test_what_runs_in_an_environment_is_no_build(shelves):
    shelf = shelves.make()
    made = shelf.ensure(*wish("r", "zoo"), lambda _: None)
    job = shelves.client.containers.run(made.image, ["600"], entrypoint=["sleep"], detach=True)
    try:
        shelf.sweep()
        job.reload()
        assert job.status == "running"
    finally:
        job.remove(force=True)


def test_two_that_want_the_same_share_one_build(shelves):
    notes: list[str] = []
    found: list[Environment] = []
    both = [shelves.make(), shelves.make()]
    threads = [
        threading.Thread(
            target=lambda shelf=shelf: found.append(shelf.ensure(*wish("python", "humanize"), notes.append))
        )
        for shelf in both
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LONG)
    assert len(found) == 2
    assert found[0] == found[1]  # to the second in which it was built, and how long that took


class TestBuildsOfRAtOnce:
    """Other builds on this engine share their downloads with these, so only what these do themselves is looked at."""

    def test_those_of_one_gateway_and_of_another_succeed(self, shelves, tmp_path):
        other = Shelves(tmp_path / "other", f"{shelves.name}b")
        wishes = [(shelves, ("zoo", "gsl")), (shelves, ("xtable", "gsl")), (other, ("coda", "gsl"))]
        try:
            with ThreadPoolExecutor() as threads:
                made = [threads.submit(one.make().ensure, *wish("r", *names), lambda _: None) for one, names in wishes]
            for building, (_, names) in zip(made, wishes, strict=True):
                assert set(names) <= names_in(building.result())
        finally:
            other.make().prune(0)
            other.client.close()

    def test_one_that_waits_for_anothers_download_says_so_and_goes_on(self, shelves):
        with ThreadPoolExecutor() as threads, downloading(shelves) as other:
            building = threads.submit(shelves.make().ensure, *wish("r", "zoo"), lambda _: None)
            while "Waiting for another build" not in logged(shelves):
                assert not building.done(), building.result()
                futures.wait([building], timeout=0.1)
            # It dies, and the kernel lets go of its lock.
            subprocess.run(["docker", "kill", other], check=True, capture_output=True)
            assert "zoo" in names_in(building.result())
        assert logged(shelves).count("Waiting for another build") == 1  # however many it waited for

    def test_one_that_installs_needs_nothing_that_others_change_meanwhile(self, shelves, monkeypatch):
        run = workshop.Workshop.run
        with ExitStack() as stack:

            def run_alone(*given, keep=False):
                if keep:  # it installs what was downloaded
                    stack.enter_context(downloading(shelves, "rm -rf /mnt/archives/*.deb /mnt/lists/* /mnt/updated"))
                return run(*given, keep=keep)

            monkeypatch.setattr(workshop.Workshop, "run", run_alone)
            made = shelves.make().ensure(*wish("r", "zoo"), lambda _: None)
        assert "zoo" in names_in(made)


@contextmanager
def downloading(shelves: Shelves, program: str = "true") -> Iterator[str]:
    """A container that downloads for R when its turn has come, as far as others can tell; gives its name."""
    image = ImageBuilder(shelves.client).find(Runtimes.load(packaged_folder("containers"))["r:4.6"])
    name = f"landbridge-{shelves.name}-downloading"
    options = [f"--name={name}", "--user=0:0", "--network=none", "--volume=landbridge-apt-r-4.6:/mnt"]
    command = f"exec 9>>/mnt/lock; flock 9; {program}; echo has its turn; read line"
    given = ["docker", "run", "--rm", "-i", *options, "--entrypoint=sh", str(image), "-c", command]
    with subprocess.Popen(given, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as made:
        assert made.stdin and made.stdout
        try:
            assert made.stdout.readline() == "has its turn\n"
            yield name
        finally:
            made.stdin.close()  # which ends it


def logged(shelves: Shelves) -> str:
    return "".join(path.read_text() for path in (shelves.root / "environments").glob("env_*.log"))


def names_in(made: Environment) -> set[str]:
    return {one["name"] for one in made.packages}


def test_a_package_that_comes_as_source_alone_is_built_in_sight_of_nothing_else(shelves):
    shelf = shelves.make()
    made = shelf.ensure(*wish("python", "docopt==0.6.2"), lambda _: None)
    assert {"name": "docopt", "version": "0.6.2", "asked": True} in made.packages
    site = next(Path(made.folder).glob("lib/python3*/site-packages"))
    assert (site / "docopt.py").is_file()


class TestLockfiles:
    def test_a_lock_of_uv_is_installed_as_it_was_locked(self, shelves, tmp_path):
        project = (
            '[project]\nname = "mine"\nversion = "0.1"\nrequires-python = ">=3.11"\ndependencies = ["humanize<4.12"]\n'
        )
        (tmp_path / "pyproject.toml").write_text(project)
        subprocess.run([uv.find_uv_bin(), "lock", "--quiet", "--project", str(tmp_path)], check=True)
        lock = (tmp_path / "uv.lock").read_text()
        asked = wanted(
            "python", "3.14", {"lockfile": {"format": "uv.lock", "text": lock, "project": project}}, frozenset()
        )
        made = shelves.make().ensure(place_of("python:3.14", asked.key), asked, lambda _: None)
        assert [one["version"] for one in made.packages if one.get("asked")] == ["4.11.0"]

    def test_a_package_that_has_not_the_digest_of_the_file_is_refused(self, shelves):
        text = f"humanize==4.11.0 --hash=sha256:{'0' * 64}\n"
        asked = wanted("python", "3.14", {"lockfile": {"format": "requirements.txt", "text": text}}, frozenset())
        with pytest.raises(BuildFailed, match=r"humanize 4\.11\.0 is not the file whose digest"):
            shelves.make().ensure(place_of("python:3.14", asked.key), asked, lambda _: None)
        nothing_is_left(shelves)

    def test_everything_that_a_lock_of_renv_asks_in_vain_is_told_at_once(self, shelves):
        packages = {
            name: {"Package": name, "Version": "0.0.1", "Source": "Repository"} for name in ("zoo", "gsl", "dplyr")
        }
        text = json.dumps({"R": {"Version": "4.6.1"}, "Packages": packages})
        asked = wanted("r", "4.6", {"lockfile": {"format": "renv.lock", "text": text}}, frozenset())
        with pytest.raises(BuildFailed) as failed:
            shelves.make().ensure(place_of("r:4.6", asked.key), asked, lambda _: None)
        assert [f"{name}==0.0.1 (there is " in failed.value.message for name in packages] == [True] * 3


def test_an_image_that_is_allowed_is_taken_as_it_is(shelves):
    image = ImageBuilder(shelves.client).find(Runtimes.load(packaged_folder("containers"))["r:4.6"])
    asked = wanted("r", "4.6", {"image": image}, frozenset({image}))
    made = shelves.make().ensure(place_of("r:4.6", asked.key), asked, lambda _: None)
    assert (made.image, made.folder, made.packages) == (image, "", ())
    assert shelves.make().current(made)
    absent = Wanted("r", image="sha256:" + "0" * 64)
    with pytest.raises(BuildFailed, match="is not on this machine"):
        shelves.make().ensure(place_of("r:4.6", absent.key), absent, lambda _: None)


class TestRepositoryOfRPackages:
    @pytest.fixture
    def repository(self, tmp_path):
        with Repository(tmp_path / "repository") as made:
            made.add("lbdepth", "1.2", "depth <- function() 1.2\n")
            made.add("lbridge", "1.0", "old <- function() TRUE\n", current=False)
            made.add("lbridge", "2.0", "new <- function() lbdepth::depth()\n", "lbdepth (>= 1.1), zoo, stats")
            yield made

    def versions(self, made: Environment) -> dict[str, str]:
        return {one["name"]: one["version"] for one in made.packages if not one.get("system")}

    def test_what_debian_has_not_comes_from_there_with_what_it_needs(self, shelves, repository):
        made = shelves.make(cran=repository.url).ensure(*wish("r", "lbridge"), lambda _: None)
        versions = self.versions(made)
        assert (versions["lbridge"], versions["lbdepth"]) == ("2.0", "1.2")
        assert next(one for one in made.packages if one["name"] == "zoo")["package"] == "r-cran-zoo"

    def test_an_earlier_version_comes_from_the_archive(self, shelves, repository):
        versions = self.versions(shelves.make(cran=repository.url).ensure(*wish("r", "lbridge==1.0"), lambda _: None))
        assert (versions["lbridge"], "lbdepth" in versions) == ("1.0", False)

    def test_what_is_in_neither_is_told(self, shelves, repository):
        told = failed(shelves.make(cran=repository.url), "r", "lbridg")
        assert "no R package lbridg in this Debian and in the repository" in told.message
        assert told.hint == "Did you mean `lbridge`?"
        told = failed(shelves.make(cran=repository.url), "r", "lbridge==3.0")
        assert (told.message.startswith("There is no lbridge==3.0"), "2.0" in told.hint) == (True, True)

    def test_one_out_of_reach_is_told(self, shelves):
        told = failed(shelves.make(cran="http://127.0.0.1:9"), "r", "lbridge")
        assert "The repository of R packages cannot be reached" in told.message

    def test_one_that_cannot_be_installed_is_named(self, shelves, repository):
        repository.add("lbroken", "1.0", "f <- function( {\n")
        assert "lbroken could not be built" in failed(shelves.make(cran=repository.url), "r", "lbroken").message


def test_another_version_than_the_runtimes_takes_its_place_and_the_rest_stays(shelves):
    made = shelves.make().ensure(*wish("python", "numpy<2.5"), lambda _: None)
    versions = {one["name"]: one["version"] for one in made.packages}
    assert versions["numpy"].startswith("2.4.")
    assert {"pandas", "polars", "pyarrow"} < set(versions)
    (site,) = Path(made.folder).glob("lib/python3*/site-packages")
    assert (site / "numpy").is_dir()
    assert not (site / "pandas").exists()


def test_what_an_earlier_job_had_is_taken_and_stays_known_until_it_is_gone(shelves):
    shelf = shelves.make()
    made = shelf.ensure(*wish("python", "humanize"), lambda _: None)
    again = Wanted("python", ("humanize",), of=made.id, solved=made.packages)
    taken = shelf.ensure(place_of("python:3.14", again.key), again, lambda _: None)
    assert (taken, shelf.current(taken)) == (made, True)
    while shelves.builds():
        assert shelf.whole(made)  # its modules are being compiled
    shelf.prune(0)
    assert not shelf.current(taken)


def test_in_the_runtime_of_both_languages_what_leads_across_is_still_there(shelves):
    wanted = Wanted("python", ("humanize",))
    made = shelves.make().ensure(place_of("polyglot", wanted.key), wanted, lambda _: None)
    assert {"humanize", "pandas", "rpy2"} < {one["name"] for one in made.packages}


def test_of_many_the_oldest_unused_go_first_and_none_that_is_used(shelves):
    shelf = shelves.make(most=3)
    root = shelves.root / "environments"
    for number in range(1000):
        name = f"env_{number:016x}"
        (root / name).mkdir()
        made = Environment(
            name, "python:3.14+x", Wanted("python", ("x",)), "sha256:x", "sha256:x", folder=str(root / name)
        )
        Notes(root).write(made)
        os.utime(root / f"{name}.json", (number, number))
    image = ImageBuilder(shelves.client).find(Runtimes.load(packaged_folder("containers"))["python:3.14"])
    used = shelves.client.containers.run(
        image, ["600"], entrypoint=["sleep"], labels={"landbridge.environment": "env_0000000000000000"}, detach=True
    )
    try:
        assert len(shelf.prune(3, dry=True)) == 996
        removed = shelf.prune(3)
    finally:
        used.remove(force=True)
    kept = {path.stem for path in root.glob("env_*.json")}
    assert len(removed) == 996
    assert kept == {"env_0000000000000000", *(f"env_{number:016x}" for number in (997, 998, 999))}
    assert {path.name for path in root.glob("env_*") if path.is_dir()} == kept
