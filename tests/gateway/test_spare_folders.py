"""The folders of jobs to come, which are made before there is a job."""

import errno
import stat

import pytest
from landbridge_gateway.depot.folders import write_folder
from landbridge_gateway.depot.spare_folders import SpareFolders

from tests.gateway.conftest import NULL, submit

JOB = "job_0123456789abcdef"


@pytest.fixture
def spares(layout):
    made = SpareFolders(layout)
    made.prepare()
    return made


def about(folder):
    """Every part of a folder, with its mode."""
    parts = (folder.path, *sorted(folder.path.rglob("*")))
    return {str(part.relative_to(folder.path)): oct(stat.S_IMODE(part.stat().st_mode)) for part in parts}


def test_one_that_took_a_jobs_place_is_as_one_that_was_made_there(layout, spares):
    assert spares.become(f"{JOB}.1")
    spec = {"protocol": 1}
    taken = write_folder(layout, f"{JOB}.1", spec, {}, made=True)
    made = write_folder(layout, "job_1111111111111111.1", spec, {})
    assert about(taken) == about(made)
    assert taken.spec.read_text() == made.spec.read_text()


def test_there_are_as_many_again_once_somebody_makes_them(spares):
    taken = [spares.become(f"job_{number:016}.1") for number in range(3)]
    assert taken == [True, True, False]
    spares.prepare()
    assert spares.become(f"{JOB}.1")


def test_only_first_attempts_take_one_and_nobodys_place_is_taken(layout, spares):
    assert not spares.become(f"{JOB}.2")
    left = write_folder(layout, f"{JOB}.1", {"protocol": 1}, {})
    assert not spares.become(f"{JOB}.1")
    assert left.spec.read_text() == '{"protocol": 1}'


def test_what_an_earlier_gateway_left_is_removed(layout, spares):
    assert len(list((layout.root / "spare").iterdir())) == 2
    SpareFolders(layout)
    assert not (layout.root / "spare").exists()


def test_where_none_can_be_made_the_job_has_its_own(client, road, services, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("landbridge_gateway.depot.spare_folders.write_text", full)  # the last step
    for _ in range(2):
        submit(client)
    road.exit(road.started(), 1)
    assert list((services.layout.root / "spare").iterdir()) == []
    job = submit(client)["id"]
    assert road.folder(f"{job}.1").spec.exists()


def test_a_job_takes_one_and_its_end_makes_another(client, road, services):
    spare = services.layout.root / "spare"
    before = set(spare.iterdir())
    attempt = f"{submit(client)['id']}.1"
    assert len(set(spare.iterdir())) == 1
    assert '"attempt": 1' in road.folder(attempt).spec.read_text()
    road.started()
    road.leave(attempt, result=NULL)
    road.exit(attempt, 0)
    after = set(spare.iterdir())
    assert len(after) == len(before) == 2
    assert after != before
