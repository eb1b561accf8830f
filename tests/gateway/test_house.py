"""The rules of the house, read from the sources."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "gateway" / "landbridge_gateway"

# A room may import the rooms left of it, and itself.
ORDER = [
    {"errors", "failpoints", "__init__"},
    {"model"},
    {
        "json_text",
        "nodes",
        "signing",
        "sealing",
        "settings",
        "exposure",
        "home",
        "schemas",
        "lifeline",
        "filesystems",
        "logfiles",
        "depot",
        "store",
    },
    {"environments", "local"},
    {"engines"},
    {"scheduler", "warden", "doctor", "keeping"},
    {"web"},
    {"supervisor"},
    {"cli"},
]
LOADERS = {
    "pickle",
    "cloudpickle",
    "dill",
    "joblib",
    "marshal",
    "shelve",
    "pyarrow",
    "pandas",
    "numpy",
    "polars",
    "rpy2",
}


def modules():
    return sorted(path for path in PACKAGE.rglob("*.py") if "_bundled" not in path.parts)


def room_of(path):
    parts = path.relative_to(PACKAGE).parts
    return parts[0].removesuffix(".py")


def imports(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{name.name}" for name in node.names)


def level(room):
    return next(number for number, rooms in enumerate(ORDER) if room in rooms)


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_go_down_only(path):
    here = room_of(path)
    for name in imports(path):
        if name.startswith("landbridge_gateway."):
            there = name.split(".")[1]
            if there in ("__version__", here):
                continue
            assert level(there) <= level(here), f"{here} imports {there}"


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_each_room_keeps_its_knowledge(path):
    here = room_of(path)
    for name in imports(path):
        top = name.split(".")[0]
        assert top not in LOADERS, f"{here} would open payloads with {top}"
        assert top != "landbridge", "the gateway never imports a client"
        if top == "docker":
            assert here in ("engines", "environments")
        if top in ("sqlite3", "sqlite_utils"):
            assert here == "store" or (name == "sqlite3" and here == "doctor")
        if top in ("flask", "werkzeug", "cheroot", "jinja2"):
            assert here == "web"


def test_the_gateway_process_loads_neither_the_docker_sdk_nor_a_loader():
    code = (
        "import sys, landbridge_gateway.web.server\n"
        "from landbridge_gateway.web.syntax import check_syntax\n"
        "bad = {'docker', 'pickle5', *" + repr(sorted(LOADERS - {"pickle", "marshal"})) + "} & set(sys.modules)\n"
        "sys.exit(', '.join(sorted(bad)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_files_and_functions_stay_small():
    for path in modules():
        text = path.read_text()
        assert text.count("\n") < 500, path
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef):
                assert node.end_lineno - node.lineno < 60, f"{path}: {node.name}"
