"""Who runs when, and what becomes of a contender that cannot."""

from __future__ import annotations

from functools import partial

from bench.interleaving import Unable, interleaved, order


def test_rounds_go_there_and_back() -> None:
    assert "".join(order(["A", "B", "C"], 3)) == "ABCCBAABC"


def test_who_has_fewer_rounds_takes_part_in_some_all_along() -> None:
    assert "".join(order(["A", "B"], 4, {"B": 2})) == "ABAABA"
    assert "".join(order(["A", "B"], 5, {"B": 1})) == "AAAAAB"
    assert "".join(order(["A", "B"], 2, {"B": 9})) == "ABBA"


def test_samples_are_taken_in_that_order_and_kept_by_contender() -> None:
    ran: list[str] = []

    def taken(name: str) -> float:
        ran.append(name)
        return float(len(ran))

    found = interleaved({"A": lambda: taken("A"), "B": lambda: taken("B")}, 3, {"A": ("record",)})
    assert "".join(ran) == "ABBAAB"
    assert list(found["A"].samples) == [1.0, 4.0, 5.0]
    assert list(found["B"].samples) == [2.0, 3.0, 6.0]
    assert (found["A"].provides, found["B"].provides) == (("record",), ())


def test_the_first_rounds_can_go_unmeasured() -> None:
    numbers = iter(range(10))
    assert list(interleaved({"A": lambda: float(next(numbers))}, 2, unmeasured=1)["A"].samples) == [1.0, 2.0]


def test_those_with_fewer_rounds_take_part_in_the_unmeasured_ones_too() -> None:
    ran: list[str] = []

    def taken(name: str) -> float:
        ran.append(name)
        return 1.0

    ways = {name: partial(taken, name) for name in "AB"}
    found = interleaved(ways, 4, unmeasured=1, fewer={"B": 2})
    assert "".join(ran) == "AB" + "ABAABA"
    assert [len(found[name].samples) for name in "AB"] == [4, 2]


def test_one_that_is_unable_becomes_a_row_and_the_others_go_on() -> None:
    tried: list[None] = []

    def broken() -> float:
        tried.append(None)
        if len(tried) > 1:
            raise Unable("its process ended with 1")
        return 1.0

    found = interleaved({"A": lambda: 2.0, "B": broken}, 4)
    assert list(found["A"].samples) == [2.0] * 4
    assert (found["B"].samples, found["B"].missing) == ((), "its process ended with 1")
    assert len(tried) == 2
