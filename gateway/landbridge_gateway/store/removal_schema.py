"""What stays of a job that was removed, and what of its files is still to go."""

REMOVAL = (
    """CREATE TABLE removed (
         job TEXT PRIMARY KEY, owner TEXT NOT NULL, key TEXT, name TEXT NOT NULL, state TEXT NOT NULL,
         removed TEXT NOT NULL
       ) STRICT, WITHOUT ROWID""",
    "CREATE INDEX removed_by_key ON removed (owner, key) WHERE key IS NOT NULL",
    # Rows go first: a file that nobody names does no harm, a row without its file would.
    "CREATE TABLE leavings (id TEXT PRIMARY KEY, format TEXT) STRICT, WITHOUT ROWID",
)
