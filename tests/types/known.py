"""What is known not to keep the promise: direction and kind. These sets must become empty."""

SILENT: set[tuple[str, str]] = {
    ("Py → Py", "frame: RangeIndex with a step"),
    ("Py → Py", "pandas: decimal128[pyarrow]"),
    ("Py → Py", "pandas: string[python]"),
    ("Py → R", "pandas: Interval"),
    ("Py → R", "pandas: Period"),
    ("Py → R", "pandas: object of UUID"),
    ("Py → R → Py", "frame: RangeIndex with a step"),
    ("Py → R → Py", "frame: labels of integers"),
    ("Py → R → Py", "frame: labels of mixed types"),
    ("Py → R → Py", "frame: labels of two levels"),
    ("Py → R → Py", "pandas: decimal128[pyarrow]"),
    ("Py → R → Py", "pandas: string[python]"),
    ("R → Py", "factor with NA as a level"),
    ("R → Py", "list of double"),
    ("R → Py", "list of integer"),
    ("R → Py", "matrix of double"),
    ("R → Py → R", "column names empty and NA"),
    ("R → Py → R", "list of double"),
    ("R → Py → R", "list of integer"),
    ("R → Py → R", "matrix of double"),
    ("R → Py → R", "zero rows"),
}
BROKEN: set[tuple[str, str]] = {
    ("Py → Py", "pandas: list[pyarrow]"),
    ("Py → Py", "polars: Int128"),
    ("Py → R", "polars: Array(Int64, 2)"),
    ("Py → R", "polars: Int128"),
    ("Py → R → Py", "pandas: list[pyarrow]"),
    ("Py → R → Py", "polars: Array(Int64, 2)"),
    ("Py → R → Py", "polars: Int128"),
}
