"""What the kernel counts of a container, from folders made as it makes them: version 1 and 2."""

import subprocess
import sys

import pytest
from landbridge_gateway.engines.cgroups import Cgroup, UsageWatch
from landbridge_gateway.model import Usage

from tests.patience import until

ID = "c0ffee"
MIB = 1024**2


def first_version(root, name=f"docker/{ID}"):
    memory, pids = root / "memory" / name, root / "pids" / name
    memory.mkdir(parents=True)
    pids.mkdir(parents=True)
    (memory / "memory.max_usage_in_bytes").write_text(f"{34 * MIB}\n")
    (memory / "memory.limit_in_bytes").write_text(f"{256 * MIB}\n")
    (memory / "memory.oom_control").write_text("oom_kill_disable 0\nunder_oom 0\noom_kill 2\n")
    (memory / "cgroup.procs").write_text("")
    (pids / "pids.events").write_text("max 5\n")
    return memory


def second_version(root, name=f"system.slice/docker-{ID}.scope"):
    group = root / name
    group.mkdir(parents=True)
    (root / "cgroup.controllers").write_text("cpu memory pids\n")
    (group / "memory.peak").write_text(f"{34 * MIB}\n")
    (group / "memory.max").write_text(f"{256 * MIB}\n")
    (group / "memory.events").write_text("low 0\nhigh 0\nmax 9\noom 2\noom_kill 2\noom_group_kill 0\n")
    (group / "cgroup.procs").write_text("")
    (group / "pids.events").write_text("max 5\n")
    return group


@pytest.mark.parametrize("make", [first_version, second_version])
@pytest.mark.parametrize("name", [f"docker/{ID}", f"system.slice/docker-{ID}.scope"])
def test_limit_peak_and_counts_are_read(tmp_path, make, name):
    make(tmp_path, name)
    assert Cgroup.find(ID, tmp_path).usage() == Usage(limit=256 * MIB, peak=34 * MIB, oom_kills=2, refused=5)


@pytest.mark.parametrize(
    ("make", "peak"), [(first_version, "memory.max_usage_in_bytes"), (second_version, "memory.peak")]
)
def test_what_a_kernel_does_not_tell_is_unknown(tmp_path, make, peak):
    group = make(tmp_path)
    (group / peak).unlink()  # memory.peak is of Linux 5.19
    assert Cgroup.find(ID, tmp_path).usage() == Usage(limit=256 * MIB, peak=None, oom_kills=2, refused=5)


@pytest.mark.parametrize("text", ["max", "9223372036854771712"])
def test_no_limit_is_none(tmp_path, text):
    if text == "max":
        (second_version(tmp_path) / "memory.max").write_text(text)
    else:
        (first_version(tmp_path) / "memory.limit_in_bytes").write_text(text)
    assert Cgroup.find(ID, tmp_path).usage().limit is None


def test_a_machine_that_shows_no_cgroup_of_it_tells_nothing(tmp_path):
    assert Cgroup.find(ID, tmp_path) is None
    watch = UsageWatch(tmp_path)
    watch.add("a", ID)
    assert watch.usage("a") is None


def test_the_last_count_outlives_the_cgroup_until_it_is_forgotten(tmp_path):
    group = second_version(tmp_path)
    watch = UsageWatch(tmp_path)
    watch.add("a", ID)
    assert watch.usage("a").peak == 34 * MIB
    for path in group.iterdir():
        path.unlink()
    assert watch.usage("a").peak == 34 * MIB
    watch.forget("a")
    assert watch.usage("a") is None


@pytest.mark.parametrize("late", [False, True])
def test_one_that_is_expected_is_watched_from_its_first_process_on(tmp_path, late):
    """It may be gone before the engine says that it started."""
    watch = UsageWatch(tmp_path)
    watch.expect("a", ID)
    group = second_version(tmp_path)
    if late:
        (group / "cgroup.procs").write_text("")
        assert watch.usage("a") is None
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    (group / "cgroup.procs").write_text(f"{process.pid}\n")
    until(lambda: watch.usage("a"), "its count", 60)
    for path in group.iterdir():
        path.unlink()
    process.communicate(b"\n")
    watch.add("a", ID)  # the engine has said it now
    assert watch.usage("a").peak == 34 * MIB
    assert not watch._expected
    watch.forget("a")


def test_one_that_never_starts_is_expected_until_it_is_forgotten(tmp_path):
    watch = UsageWatch(tmp_path)
    watch.expect("a", ID)
    watch.forget("a")
    assert not watch._expected


def test_the_count_is_read_when_the_first_process_ends(tmp_path):
    group = second_version(tmp_path)
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    (group / "cgroup.procs").write_text(f"{process.pid}\n")
    watch = UsageWatch(tmp_path)
    seen = []
    read = watch.usage
    watch.usage = lambda name: seen.append(read(name)) or seen[-1]
    watch.add("a", ID)
    (group / "memory.peak").write_text(f"{99 * MIB}\n")
    process.communicate(b"\n")
    while not any(one and one.peak == 99 * MIB for one in seen):
        process.poll()
    while watch._processes:
        process.poll()
    watch.forget("a")
