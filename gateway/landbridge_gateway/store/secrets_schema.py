"""The tables of secrets: what they hold is sealed."""

SECRETS = (
    """CREATE TABLE secrets (
      owner TEXT NOT NULL, name TEXT NOT NULL, sealed BLOB NOT NULL, created TEXT NOT NULL, changed TEXT NOT NULL,
      PRIMARY KEY (owner, name)
    ) STRICT, WITHOUT ROWID""",
    # What an attempt was given stays until it is over: the secret itself may be changed or removed meanwhile.
    """CREATE TABLE given_secrets (
      attempt TEXT PRIMARY KEY, sealed BLOB NOT NULL
    ) STRICT, WITHOUT ROWID""",
)
