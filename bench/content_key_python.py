"""The content key of a table of four columns beside SHA-256 over as many bytes.

Prints one JSON object: the bytes of the table, and seconds by contender; runs in the image of Python.
"""

import hashlib
import json
import sys
import time

import landbridge as lb
import numpy as np
import pyarrow as pa


def made(rows: int) -> pa.Table:
    random = np.random.default_rng(1)
    missing = random.random(rows) < 0.1
    columns = {
        "double": pa.array(random.random(rows)),
        "double with missing": pa.array(random.random(rows), mask=missing),
        "integer with missing": pa.array(random.integers(0, rows, rows).astype("int32"), mask=missing),
        "text": pa.array(np.char.add("id", random.integers(0, 100_000, rows).astype(str))),
    }
    return pa.table(columns)


def main(samples: int, rows: int) -> None:
    table = made(rows)
    data = np.random.default_rng(2).bytes(table.nbytes)
    contenders = {"ours": lambda: lb.content_key(table), "bare": lambda: hashlib.sha256(data).hexdigest()}
    assert contenders["ours"]() == contenders["ours"]()
    told: dict[str, list[float]] = {"bytes": [table.nbytes], "ours": [], "bare": []}
    for number in range(samples):
        for name in contenders if number % 2 else reversed(contenders):
            start = time.perf_counter()
            contenders[name]()
            told[name].append(time.perf_counter() - start)
    sys.stdout.write(json.dumps(told))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
