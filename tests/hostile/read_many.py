"""Reads packed files one after the other and prints what became of each; started again where it died.

Usage: read_many.py PACK FIRST. Beside the pack stands NAME.json, the node of all its files. A line for each file: its
number, and `refused`, `read`, or `raised` with more words.
"""

import json
import resource
import struct
import sys
from pathlib import Path

from landbridge.errors import LandbridgeError
from landbridge.values import decode

MOST = 6 * 1024**3  # what a file may make a reader ask for


class Here:
    wanted = None

    def path(self, reference):
        return Path(reference)


def outcome(content, path, node):
    path.write_bytes(content)
    try:
        value = decode(node | {"object": str(path)}, Here(), trust=True)
    except LandbridgeError as error:
        return f"refused {error.message}"
    except Exception as error:  # noqa: BLE001 - each is a finding
        return f"raised {type(error).__name__}: {error}"
    return f"read {len(value)}"


def main(pack, first):
    resource.setrlimit(resource.RLIMIT_AS, (MOST, MOST))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    place = Path(pack).with_suffix(".arrow")
    node = json.loads(Path(pack).with_suffix(".json").read_text())
    data, at, number = Path(pack).read_bytes(), 0, 0
    while at < len(data):
        size = struct.unpack_from("<I", data, at)[0]
        if number >= first:
            sys.stdout.write(json.dumps([number, outcome(data[at + 4 : at + 4 + size], place, node)]) + "\n")
            sys.stdout.flush()
        at += 4 + size
        number += 1


main(sys.argv[1], int(sys.argv[2]))
