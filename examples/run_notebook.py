"""Executes a notebook from top to bottom and prints what its cells print."""

import os
import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from traitlets.config import Config


def run(path, **variables):
    """The executed notebook. ``variables`` reach its cells through the environment."""
    notebook = nbformat.read(path, as_version=4)
    os.environ |= {name: str(value) for name, value in variables.items()}
    # Over a private socket of this machine, not over TCP.
    config = Config({"KernelManager": {"transport": "ipc"}})
    folder = {"metadata": {"path": str(Path(path).parent)}}
    NotebookClient(notebook, timeout=600, resources=folder, config=config).execute()
    return notebook


def printed(notebook):
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            yield output.get("text") or output.get("data", {}).get("text/plain", "")


if __name__ == "__main__":
    notebook, data, out = sys.argv[1:]
    for text in printed(run(Path(notebook).resolve(), FLIGHTS_DATA=data, FLIGHTS_OUT=out)):
        print(text.rstrip())
