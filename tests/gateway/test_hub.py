import threading

import pytest
from landbridge_gateway.scheduler.hub import Hub, NoPlace


def test_an_answer_that_is_there_is_given_at_once():
    assert Hub(0).wait_for(lambda: "here", 60, ["a"]) == "here"


def test_without_time_nobody_waits():
    assert Hub(0).wait_for(lambda: None, 0, ["a"]) is None


def test_who_waits_looks_again_after_each_change():
    hub, looked, answers = Hub(), threading.Event(), []
    values = iter([None, None, "third"])

    def look():
        looked.set()
        return next(values)

    waiting = threading.Thread(target=lambda: answers.append(hub.wait_for(look, 60, ["a"])))
    waiting.start()
    while waiting.is_alive():
        assert looked.wait(10)
        looked.clear()
        hub.notify(["a"])
        waiting.join(0.01)
    assert answers == ["third"]


def test_a_change_during_the_look_is_not_missed():
    hub = Hub()
    values = iter([None, "seen"])

    def look():
        hub.notify(["a"])
        return next(values)

    assert hub.wait_for(look, 60, ["a"]) == "seen"


def test_nobody_is_told_of_what_others_listen_to():
    hub, told = Hub(), []
    listeners = {topic: hub.listen([topic]) for topic in ("a", "b")}
    for topic, listener in listeners.items():
        listener.heard = lambda topic=topic: told.append(topic)
    hub.notify(["b"])
    hub.notify(["b", "c"])  # it has heard already, and did not look since
    assert told == ["b"]
    listeners["b"].changed.clear()
    hub.leave(listeners["a"])
    hub.notify(["a", "b"])
    assert told == ["b", "b"]


def test_one_that_listens_to_many_topics_is_told_once():
    hub, told = Hub(), []
    listener = hub.listen(["a", "b"])
    listener.heard = lambda: told.append("told")
    hub.notify(["a", "b"])
    assert told == ["told"]


def test_more_than_may_wait_are_told():
    hub, inside = Hub(1), threading.Event()

    def look():
        inside.set()

    waiting = threading.Thread(target=hub.wait_for, args=(look, 60, ["a"]))
    waiting.start()
    assert inside.wait(10)
    with pytest.raises(NoPlace):
        while True:  # until the other has taken the place
            hub.wait_for(lambda: None, 0.001, ["a"])
    hub.close()
    waiting.join(10)
    assert not waiting.is_alive()
    assert hub.waiting == 0


def test_after_the_close_nobody_waits():
    hub = Hub()
    hub.close()
    assert hub.wait_for(lambda: None, 60, ["a"]) is None
