"""One figure, measured for real with two samples."""

from __future__ import annotations

from pathlib import Path

import landbridge as lb
import pytest

from bench import calls, cold, idle, sessions
from bench.figures import OURS
from bench.run import Run
from tests.serving import Serving


@pytest.mark.docker
@pytest.mark.slow
def test_figures_are_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "MANY", (3,))
    monkeypatch.setattr(sessions, "FRAMES", (100,))
    monkeypatch.setattr(sessions, "CALLS_PER_SAMPLE", 1)
    with Serving(tmp_path / "home") as serving:
        lb.connect(serving.url, serving.token)
        run = Run(serving, samples=2, quick=True, languages=("python",))
        (held,) = idle.measure(run)
        (warm,) = calls.measure(run)
        (job,) = cold.measure(run)
        held_calls, many, frame = sessions.measure(run)
    assert held.judged()[0][1] == held.ours.median > 1
    assert [(one.name, len(one.samples)) for one in job.contenders] == [(OURS, 2), ("docker run", 2)]
    assert [(one.name, len(one.samples)) for one in warm.contenders] == [(OURS, 2), ("docker run", 2)]
    assert warm.ours.median < job.ours.median, "no container is started for it"
    assert job.judged()[0][1] == job.ours.median / job.contenders[1].median
    assert [one.id for one in (held_calls, many, frame)] == ["P15", "many", "frame"]
    assert [len(one.ours.samples) for one in (held_calls, many, frame)] == [2, 2, 2]
    assert held_calls.ours.median < job.ours.median, "a call in a session does not start a container"
    assert (many.size, frame.size) == (3, 100)
