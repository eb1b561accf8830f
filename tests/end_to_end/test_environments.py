"""Jobs with packages of their own, built by the real engine from this machine's own index and mirror."""

from __future__ import annotations

import json
import re
import subprocess

import landbridge as lb
import pytest

from tests.serving import COMMAND, Serving

pytestmark = [pytest.mark.docker, pytest.mark.slow]

# Small, without anything of their own that is built, and in no image of ours.
PYTHON = """
def f():
    import sys
    import humanize, numpy, pandas
    return [humanize.intcomma(1234567), humanize.__version__, numpy.__version__, sys.prefix]
"""
R = """
f <- function() {
  # Needs a library of the system: libgsl.
  list(gsl::bessel_J0(0), utils::packageDescription("gsl")$Version, requireNamespace("dplyr"))
}
"""


def python(*packages: str, text: str = PYTHON, **options) -> lb.Job:
    return lb.submit(lb.task(lb.python(text, "f"), packages=list(packages), **options))


def r(*packages: str, text: str = R, **options) -> lb.Job:
    return lb.submit(lb.task(lb.r(text, "f"), packages=list(packages), **options))


@pytest.fixture(scope="module")
def serving(tmp_path_factory):
    subprocess.run([*COMMAND, "images", "build", "python:3.14", "r:4.6"], check=True)
    with Serving(tmp_path_factory.mktemp("environments") / "home") as made:
        yield made
    env(made, "prune")


@pytest.fixture(autouse=True)
def connected(serving):
    lb.connect(serving.url, serving.token)


def env(serving: Serving, *words: str) -> str:
    command = [*COMMAND, "env", *words, "--home", str(serving.home)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def packages_of(serving: Serving, job: lb.Job) -> dict:
    return serving.call(f"/jobs/{job.id}/record")["packages"]


def noted(serving: Serving, job: lb.Job) -> dict:
    """The note of a job's environment."""
    return json.loads((serving.home / "environments" / f"{packages_of(serving, job)['environment']}.json").read_text())


def inspected(image: str) -> dict:
    return json.loads(subprocess.run(["docker", "inspect", image], capture_output=True, check=True).stdout)[0]


def failure(job: lb.Job) -> str:
    with pytest.raises(lb.errors.JobFailed) as failed:
        job.result(timeout=600)
    assert job.refresh().document["cause"] == "environment"
    return str(failed.value)


@pytest.fixture(scope="module")
def python_job(serving):
    lb.connect(serving.url, serving.token)
    return python("humanize>=4").wait(600)


class TestPython:
    @pytest.fixture
    def job(self, python_job):
        return python_job

    def test_it_has_what_it_named_beside_what_the_runtime_has(self, serving, job):
        text, version, numpy, prefix = job.result()
        about = packages_of(serving, job)
        versions = {one["name"]: one["version"] for one in about["packages"]}
        assert (text, versions["humanize"], versions["numpy"]) == ("1,234,567", version, numpy)
        assert (about["asked"], prefix) == (["humanize>=4"], f"/opt/environments/{about['environment']}")
        assert [one["name"] for one in about["packages"] if one.get("asked")] == ["humanize"]

    def test_the_next_job_has_it_at_once_and_warm(self, serving, job):
        for _ in range(5):
            while not any(one["packages"] and one["ready"] for one in serving.call("")["pool"]):
                serving.call("/events?wait=0.2")
            again = python("humanize >= 4").wait(600).refresh()
            assert packages_of(serving, again)["environment"] == packages_of(serving, job)["environment"]
            if again.document["environment"]["warm"]:  # what the gateway says of the pool may be a moment old
                break
        assert again.document["environment"]["warm"] is True

    def test_packages_can_be_read_and_not_changed(self, job):
        text = "def f():\n    return [line.split() for line in open('/proc/mounts') if '/opt/environments' in line]\n"
        ((_, place, _, options, *_),) = python("humanize>=4", text=text).result(timeout=600)
        assert place == job.result()[3]
        assert options.split(",")[0] == "ro"

    def test_it_is_shown_and_exported(self, serving, job):
        name = packages_of(serving, python("humanize>=4").wait(600))["environment"]
        assert name in env(serving, "list")
        assert "asked for  humanize>=4" in env(serving, "show", name)
        assert "humanize==" in env(serving, "export", name)
        assert "humanize" in env(serving, "log", name)

    def test_a_session_and_a_sweep_have_packages_as_well(self):
        ordinal = lb.python("def f(x):\n    import humanize\n    return humanize.ordinal(x)\n", "f")
        sweep = lb.map(lb.task(ordinal, packages="humanize>=4"), [1, 2, 3])
        assert sweep.result(timeout=600) == ["1st", "2nd", "3rd"]
        with lb.session("python:3.14", packages="humanize>=4") as session:
            assert session.submit(ordinal, 4).result(timeout=600) == "4th"

    def test_what_is_not_there_is_told_with_the_way_out(self):
        assert "There is no package landbridge-has-no-such" in failure(python("landbridge-has-no-such"))
        told = failure(python("humanize==99"))
        assert "There is no humanize==99" in told
        assert "The newest are" in told
        assert "ggplot2 is a package of R, and the task is of Python." in failure(python("ggplot2"))

    def test_versions_that_exclude_each_other_are_told_in_the_resolvers_words(self):
        told = failure(python("humanize<4.5", "humanize>=4.6"))
        assert "humanize" in told
        assert "Loosen a version" in told or "The newest are" in told


@pytest.fixture(scope="module")
def r_job(serving):
    lb.connect(serving.url, serving.token)
    return r("gsl").wait(600)


class TestR:
    @pytest.fixture
    def job(self, r_job):
        return r_job

    def test_it_has_what_it_named_with_the_libraries_of_the_system(self, serving, job):
        value, version, dplyr = job.result()
        about = packages_of(serving, job)
        gsl = next(one for one in about["packages"] if one["name"] == "gsl")
        assert (value, version, dplyr) == (1.0, gsl["version"], True)
        assert gsl["debian"].startswith(version)
        assert any(one.get("system") and one["name"].startswith("libgsl") for one in about["packages"])

    def test_one_more_package_is_one_more_layer(self, serving, job):
        more = r("gsl", "zoo", text="f <- function() as.character(utils::packageVersion('zoo'))")
        assert more.result(timeout=600)
        first, second = noted(serving, job), noted(serving, more)
        assert (first["depth"], second["depth"]) == (0, 1)
        layers = [inspected(one["image"])["RootFS"]["Layers"] for one in (first, second)]
        assert layers[1][:-1] == layers[0]
        assert any(one["name"].startswith("libgsl") for one in second["packages"])

    def test_nothing_of_the_build_stays_in_its_image(self, serving, job):
        image = noted(serving, job)["image"]
        told, below = inspected(image), inspected(noted(serving, job)["runtime_image"])
        same = ("Env", "Entrypoint", "User", "WorkingDir")
        assert [told["Config"][name] for name in same] == [below["Config"][name] for name in same]
        listed = subprocess.run(
            ["docker", "run", "--rm", "--entrypoint", "sh", image, "-c", "ls -A /srv /mnt /usr/local/lib/environments"],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert [line for line in listed.stdout.splitlines() if line and not line.endswith(":")] == []

    def test_once_more_is_with_the_same_image(self, serving, job):
        again = job.rerun()
        assert again.result(timeout=600) == job.result()
        assert packages_of(serving, again)["environment"] == packages_of(serving, job)["environment"]
        assert packages_of(serving, again)["differences"] == []

    def test_it_is_exported_as_a_lockfile(self, serving, job):
        document = json.loads(env(serving, "export", packages_of(serving, job)["environment"]))
        assert document["R"]["Version"].startswith("4.6.")
        assert document["Packages"]["gsl"]["Version"] == job.result()[1]
        assert not any(name.startswith("libgsl") for name in document["Packages"])

    def test_what_is_not_there_is_told_with_the_way_out(self):
        told = failure(r("rangr"))
        assert "There is no R package rangr in this Debian." in told
        assert "Did you mean `ranger`?" in told
        assert re.search(r"There is no gsl==1.0 in this Debian.*There is 2[.]", failure(r("gsl==1.0")), re.DOTALL)
        assert "pandas is a package of Python, and the task is of R." in failure(r("pandas"))


def test_a_job_that_is_cancelled_half_way_ends_its_build(serving):
    job = r("lme4", "glmnet")
    while not builds_of(serving):
        assert job.refresh().state == "waiting", job.document
        serving.call("/events?wait=0.1")
    job.cancel()
    assert job.wait(600).state == "cancelled"
    while builds_of(serving):
        serving.call("/events?wait=0.1")
    assert "lme4" not in env(serving, "list")


def builds_of(serving: Serving) -> str:
    """The build containers that there are."""
    builds = f"name=landbridge-{(serving.home / 'id').read_text().strip()}-build-"
    command = ["docker", "ps", "-a", "--format={{.Names}} {{.Status}}", "--filter", builds]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_nothing_of_a_build_is_left(serving):
    while builds_of(serving):  # modules may still be compiled
        serving.call("/events?wait=0.1")
    assert list((serving.home / "environments").glob("*.work")) == []


def test_once_more_after_a_prune_is_built_from_the_same_versions(tmp_path):
    # No container waits there, which would hold the environment.
    with Serving(tmp_path / "home", LANDBRIDGE_POOL_MEMORY="0") as serving:
        lb.connect(serving.url, serving.token)
        job = python("humanize<4.12").wait(600)
        before = packages_of(serving, job)
        while serving.containers():
            serving.call("/events?wait=0.1")
        assert before["environment"] in env(serving, "prune")
        assert env(serving, "list") == ""
        again = job.rerun()
        assert again.result(timeout=600)[:3] == job.result()[:3]
        after = packages_of(serving, again)
        assert after["differences"] == []
        assert [(one["name"], one["version"]) for one in after["packages"]] == [
            (one["name"], one["version"]) for one in before["packages"]
        ]


def test_an_image_that_the_settings_allow(tmp_path):
    built = subprocess.run(
        [*COMMAND, "images", "build", "python:3.14", "r:4.6"], capture_output=True, text=True, check=True
    )
    images = {line.split()[0]: line.split()[-1] for line in built.stdout.splitlines()}
    with Serving(tmp_path / "home", LANDBRIDGE_IMAGES=", ".join(images.values())) as serving:
        lb.connect(serving.url, serving.token)
        for code, image in (
            (lb.python("def f():\n    return 1\n", "f"), images["python:3.14"]),
            (lb.r("f <- function() 1L", "f"), images["r:4.6"]),
        ):
            job = lb.submit(lb.task(code, image=image))
            assert job.result(timeout=600) == 1
            assert job.refresh().document["environment"]["image"] == image
        with pytest.raises(lb.errors.InvalidField, match="not on this gateway's list"):
            lb.submit(lb.task(lb.r("f <- function() 1L", "f"), image="sha256:" + "0" * 64))
