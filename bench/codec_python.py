"""A frame of 20 columns: our encode and decode beside pyarrow's own write and read of it.

Prints one JSON object of seconds by contender; runs in the image of Python.
"""

import gc
import json
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from landbridge.objects import FolderSink, FolderSource
from landbridge.values import decode, encode


def made(rows: int) -> pd.DataFrame:
    random = np.random.default_rng(1)
    letters = np.array(list("abcdefghijklmnopqrstuvwxyz"))
    makers = [
        (4, lambda: random.integers(0, rows, rows)),
        (5, lambda: random.normal(size=rows)),
        (3, lambda: pd.Series(np.char.add("id", random.integers(0, 100_000, rows).astype(str)), dtype="str")),
        (3, lambda: pd.Categorical(letters[random.integers(0, 26, rows)], list(letters))),
        (2, lambda: pd.to_datetime(random.integers(16 * 10**8, 17 * 10**8, rows), unit="s").as_unit("us")),
        (1, lambda: random.integers(0, 2, rows) == 1),
        (1, lambda: pd.array(random.integers(0, 9, rows), dtype="Int64")),
        (1, lambda: np.where(random.random(rows) < 0.1, np.nan, random.normal(size=rows))),
    ]
    columns = [make() for count, make in makers for _ in range(count)]
    return pd.DataFrame({f"column{number}": column for number, column in enumerate(columns, 1)})


def main(samples: int, rows: int) -> None:
    frame = made(rows)
    assert frame.shape == (rows, 20)
    with tempfile.TemporaryDirectory() as folder:
        objects = Path(folder)

        def ours() -> pd.DataFrame:
            node = encode(frame, FolderSink(objects), "x")
            back = decode(node, FolderSource(objects, objects))
            (objects / node["object"].removeprefix("new:")).unlink()
            return back

        def bare() -> pd.DataFrame:
            table = pa.Table.from_pandas(frame)
            path = str(objects / "bare.arrow")
            with pa.OSFile(path, "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
                writer.write_table(table)
            with pa.memory_map(path) as source:
                return pa.ipc.open_file(source).read_all().to_pandas()

        pd.testing.assert_frame_equal(ours(), frame, check_exact=True)
        pd.testing.assert_frame_equal(bare(), frame, check_exact=True)
        contenders = {"ours": ours, "bare": bare}
        seconds: dict[str, list[float]] = {name: [] for name in contenders}
        for number in range(samples):
            for name in contenders if number % 2 else reversed(contenders):
                gc.collect()
                start = time.perf_counter()
                contenders[name]()
                seconds[name].append(time.perf_counter() - start)
    sys.stdout.write(json.dumps(seconds))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
