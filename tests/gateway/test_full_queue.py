"""A queue that is full, and one that is long: refused with a time to come back, and shared."""

import pytest
from landbridge_gateway.settings import Settings
from landbridge_gateway.store.queue import Queue

from tests.filling import fill
from tests.gateway.conftest import NULL, RUNTIMES, source_task, submission, submit


@pytest.fixture
def settings(tmp_path):
    return Settings.load({}, home=tmp_path / "home", running=2, max_queued=12, max_queued_each=10)


def test_a_submission_to_a_full_queue_is_refused_with_a_time_to_come_back(client, road):
    for number in range(10):
        submit(client, **{"Idempotency-Key": str(number)})
    refused = client.post("/api/v1/jobs", json=submission())
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "5")
    assert refused.json["error"] == {
        "code": "too_many_jobs",
        "message": "10 jobs of yours wait already, which is as many as this gateway takes.",
        "hint": "Wait until some have run, cancel what is not needed, or raise LANDBRIDGE_MAX_QUEUED_EACH.",
        "detail": {"most": 10, "whose": "owner"},
    }
    # What was taken already is no further job, and room is made by whatever begins to run.
    again = client.post("/api/v1/jobs", json=submission(), headers={"Idempotency-Key": "3"})
    assert again.status_code == 200
    road.started()
    submit(client)


def test_a_full_queue_refuses_before_it_reads_what_is_sent(client, road, monkeypatch):
    for number in range(10):
        submit(client, **{"Idempotency-Key": str(number)})
    assert client.post("/api/v1/jobs", json=submission()).status_code == 429
    reads = []
    monkeypatch.setattr("landbridge_gateway.web.api.jobs.json_body", lambda most: reads.append(most) or {})
    for call in ("/api/v1/jobs", "/api/v1/jobs/batch"):
        refused = client.post(call, data=b"no JSON", content_type="application/json")
        assert (refused.status_code, refused.headers["Retry-After"]) == (429, "5")
    assert reads == []


def test_who_was_refused_is_let_in_again_once_there_is_room(client, road, services):
    for number in range(10):
        submit(client, **{"Idempotency-Key": str(number)})
    assert client.post("/api/v1/jobs", json=submission()).status_code == 429
    road.started()
    assert client.post("/api/v1/jobs", data=b"no JSON", content_type="application/json").status_code == 400
    submit(client)
    assert client.post("/api/v1/jobs", json=submission()).status_code == 429


def test_all_owners_together_have_a_bound_too(client, road, services):
    fill(services.database, "another", "x", 12)
    refused = client.post("/api/v1/jobs", json=submission())
    assert refused.json["error"]["message"] == "12 jobs wait already, which is as many as this gateway takes."
    assert refused.json["error"]["detail"] == {"most": 12, "whose": "all"}


class TestALongQueue:
    @pytest.fixture
    def settings(self, tmp_path):
        return Settings.load({}, home=tmp_path / "home", running=2)

    def test_an_image_that_cannot_be_built_fails_all_that_wait_for_it_with_one_build(
        self, client, road, commands, services
    ):
        road.connect([RUNTIMES[0] | {"state": "absent", "image": None}])
        fill(services.database, "owner", "burst", 450, "waiting")
        road.step()
        commands.take("prepare")
        told = {"message": "No package.", "hint": "Free some space.", "log_tail": []}
        road.tell("prepare_failed", runtime="r:4.6", **told)
        road.step()
        assert "prepare" not in commands.verbs()
        assert Queue(services.database, 64).sizes()[""] == 0

    def test_a_single_job_of_another_experiment_is_not_behind_a_burst(self, client, road, services):
        fill(services.database, "another", "their burst", 50_000, "waiting")
        fill(services.database, "owner", "burst", 5_000, "waiting")
        running = [road.started(), road.started()]
        single = submit(client, submission(source_task(experiment="single")))
        begun = []
        while single["id"] not in begun:
            road.leave(running[0], result=NULL)
            road.exit(running.pop(0), 0)
            running.append(road.started())
            begun.append(running[-1].partition(".")[0])
        # Admitted with the next few hundred, and then served by turns: two owners, two experiments of this one.
        assert len(begun) <= 6, begun
        assert {services.jobs.get(job)["owner"] for job in begun} == {"another", "owner"}
