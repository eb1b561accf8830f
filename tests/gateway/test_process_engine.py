"""The process engine by itself: what it does with a child of its own."""

import os
import threading

import pytest
from landbridge_gateway.depot.layout import Layout
from landbridge_gateway.engines.interface import Order
from landbridge_gateway.engines.process import ProcessEngine
from landbridge_gateway.model import Exit, Limits

ATTEMPT = "job_0000000000000000.1"
LONG = 60  # seconds that nothing takes


@pytest.fixture
def engine(tmp_path):
    layout = Layout(tmp_path / "depot")
    layout.prepare()
    made = ProcessEngine(f"test{os.getpid()}", layout)
    yield made
    made.close()


def test_one_that_was_stopped_goes_on(engine, tmp_path):
    engine._commands = {"sh": ["sh", "-c", "kill -STOP $$"]}
    ended = []
    watch = threading.Thread(target=engine.watch, args=(lambda *told: (ended.append(told), engine.close()), print))
    watch.start()
    engine.start(Order(ATTEMPT, "sh", "sh", tmp_path, Limits()))
    child = engine._children[ATTEMPT]
    os.waitid(os.P_PID, child.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
    assert engine.found() == {ATTEMPT: None}
    engine.resume(ATTEMPT)
    watch.join(LONG)
    assert ended == [(ATTEMPT, Exit(0))]
    engine.resume(ATTEMPT)  # which is fine
