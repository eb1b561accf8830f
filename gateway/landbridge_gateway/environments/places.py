"""Where a job runs: a runtime, or a runtime with packages, which is named by the runtime and the key of the wish."""

from __future__ import annotations


def place_of(runtime: str, key: str) -> str:
    """``r:4.6+3f8a0c1122334455``"""
    return f"{runtime}+{key}"


def split_place(place: str) -> tuple[str, str]:
    """The runtime, and the key, which is empty for the runtime alone."""
    runtime, _, key = place.partition("+")
    return runtime, key
