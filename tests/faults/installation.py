"""An installation whose steps can be waited at, and whose processes can be killed one by one or all at once."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from landbridge_gateway.engines.process import _r_command

from tests import processes
from tests.faults.armed import R_COMMAND
from tests.patience import until
from tests.serving import Serving

ROOT = Path(__file__).resolve().parents[2]
_ARMED = [sys.executable, "-m", "tests.faults.armed"]


class Armed(Serving):
    """Started again as often as it is killed, at the same port."""

    def __init__(self, home: Path, engine: str = "process", **environ: str) -> None:
        known = " ".join([*_r_command()][:1] + [command[1] for command in _r_command().values()])
        paths = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
        super().__init__(home, engine, _ARMED, **{"PYTHONPATH": paths, R_COMMAND: known} | environ)

    def start(self) -> Serving:
        super().start()
        self.port = int(self.url.rpartition(":")[2])
        return self

    def kill_all(self) -> None:
        """The supervisor and both halves, at once; and start again."""
        # Whoever is not there just now would be started again: a supervisor that stands still starts nobody.
        self.process.send_signal(signal.SIGSTOP)
        pid = self.process.pid
        until(lambda: processes.stands_still(pid), f"the supervisor {pid} to stand still", instead=self.story)
        for child in processes.children(pid):
            processes.kill(child)
        self.stop(signal.SIGKILL)
        self.start()
