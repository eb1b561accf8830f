"""The tables of runtimes with packages."""

ENVIRONMENTS = (
    """CREATE TABLE environments (
      place TEXT PRIMARY KEY, wanted TEXT NOT NULL, created TEXT NOT NULL
    ) STRICT, WITHOUT ROWID""",
    """CREATE TABLE solutions (
      digest TEXT PRIMARY KEY, packages TEXT NOT NULL, created TEXT NOT NULL
    ) STRICT, WITHOUT ROWID""",
    "ALTER TABLE attempts ADD COLUMN environment TEXT",
    "ALTER TABLE attempts ADD COLUMN solution TEXT",
)
