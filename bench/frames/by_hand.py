"""The other side of Arrow files by hand: `<there> <back>` on standard input."""

import gc
import os
import sys

import pyarrow as pa

os.umask(0)
sys.stdout.write("= ready\n")
sys.stdout.flush()
for line in sys.stdin:
    there, back = line.split()
    with pa.memory_map(there) as source:
        frame = pa.ipc.open_file(source).read_all().to_pandas(split_blocks=True)
    table = pa.Table.from_pandas(frame - frame.mean(), preserve_index=False)
    with pa.OSFile(back, "wb") as out, pa.ipc.new_file(out, table.schema) as writer:
        writer.write_table(table)
    del frame, table
    gc.collect()
    sys.stdout.write("= done\n")
    sys.stdout.flush()
