"""rpy2's own conversion of pandas: `<rows>` on standard input, answered with seconds."""

import sys
import time

import numpy as np
import pandas as pd
from rpy2 import robjects
from rpy2.robjects import pandas2ri
from rpy2.robjects.conversion import localconverter

centre = robjects.r("function(df) {\n  df[] <- lapply(df, function(x) x - mean(x))\n  df\n}")
sys.stdout.write("= ready\n")
sys.stdout.flush()
for line in sys.stdin:
    random = np.random.default_rng(1)
    frame = pd.DataFrame({f"column{number}": random.normal(size=int(line)) for number in range(10)})
    start = time.perf_counter()
    with localconverter(robjects.default_converter + pandas2ri.converter):
        made = centre(frame)
    seconds = time.perf_counter() - start
    assert made.shape == frame.shape
    sys.stdout.write(f"= {seconds:.6f}\n")
    sys.stdout.flush()
