"""MLflow Projects: a process for each run, its result handed over by a file, the run in MLflow's SQLite."""

import pickle
import sys
from pathlib import Path

import mlflow
from turns import serve

ENTRY = """
import pickle, sys
value = pickle.load(open(sys.argv[1], "rb"))
pickle.dump(value, open(sys.argv[2], "wb"))
"""


def call(value):
    given, result = Path("given.pickle").absolute(), Path("result.pickle").absolute()
    given.write_bytes(pickle.dumps(value))
    mlflow.projects.run(
        "project", parameters={"given": str(given), "result": str(result)}, env_manager="local", synchronous=True
    )
    return pickle.loads(result.read_bytes())


if __name__ == "__main__":
    mlflow.set_tracking_uri("sqlite:///mlflow.db")
    project = Path("project")
    project.mkdir()
    (project / "entry.py").write_text(ENTRY)
    (project / "MLproject").write_text(
        "name: same\n"
        "entry_points:\n"
        "  main:\n"
        "    parameters: {given: string, result: string}\n"
        f'    command: "{sys.executable} entry.py {{given}} {{result}}"\n'
    )
    serve(call, lambda values: [call(value) for value in values])
