"""Says whether two CSV files of the pipeline hold the same table: text equal, numbers to twelve digits."""

import sys

import pandas as pd

first, second = (pd.read_csv(path) for path in sys.argv[1:3])
pd.testing.assert_frame_equal(first, second, check_dtype=False, rtol=1e-12)
print(f"Both summaries agree: {len(first)} carriers, {first['flights'].sum():,} flights.")
