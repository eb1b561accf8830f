"""Metaflow: a run of a flow of two steps, in processes of their own, recorded in Metaflow's folder."""

import pickle
from pathlib import Path

from metaflow import Runner
from turns import serve

FLOW = """
import pickle
from metaflow import FlowSpec, Parameter, step


class Same(FlowSpec):
    given = Parameter("given")

    @step
    def start(self):
        with open(self.given, "rb") as file:
            self.value = pickle.load(file)
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    Same()
"""


def call(value):
    given = Path("given.pickle").absolute()
    given.write_bytes(pickle.dumps(value))
    with Runner("flow.py", show_output=False).run(given=str(given)) as running:
        return running.run.data.value


if __name__ == "__main__":
    Path("flow.py").write_text(FLOW)
    serve(call, lambda values: [call(value) for value in values])
