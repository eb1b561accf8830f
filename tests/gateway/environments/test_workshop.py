"""A build container's life, with an engine that does as it is told."""

import threading

import docker
import pytest
from landbridge_gateway.environments.workshop import Abandoned, Work, Workshop

WORK = Work("env_0", "sha256:x", ["true"], [], "0:0", "none")


class ObedientApi:
    """One container, which runs until it is ended."""

    def __init__(self):
        self.over = threading.Event()
        self.running = False
        self.before_start = lambda: None

    def create_host_config(self, **_):
        return {}

    def create_container(self, *_, **__):
        self.over.clear()

    def start(self, _):
        self.before_start()
        self.running = True

    def kill(self, _):
        if not self.running:
            raise docker.errors.APIError("it is not running")
        self.over.set()

    def logs(self, *_, **__):
        assert self.over.wait(60), "nobody ended it"
        yield b"killed\n"

    def wait(self, _):
        return {"StatusCode": 137}

    def remove_container(self, *_, **__):
        self.running = False


@pytest.fixture
def workshop(tmp_path):
    class Client:
        api = ObedientApi()

    return Workshop(Client, "gateway", 600, tmp_path)


@pytest.mark.parametrize("moment", ["before it runs", "while it runs"])
def test_one_that_is_abandoned_is_ended_at_whatever_moment_that_is(workshop, tmp_path, moment):
    api = workshop._api
    if moment == "before it runs":
        api.before_start = lambda: workshop.abandon(WORK.name)
    else:
        began, logs = threading.Event(), api.logs
        api.logs = lambda *_, **__: (began.set(), logs())[1]
        threading.Thread(target=lambda: began.wait(60) and workshop.abandon(WORK.name), daemon=True).start()
    with pytest.raises(Abandoned):
        workshop.run(WORK, tmp_path / "log", keep=True)
    assert (api.running, (tmp_path / "log").read_text()) == (False, "killed\n")
