"""How many bytes the uploads of each owner take: kept with their rows, so that nobody has to add up."""

UPLOADED = (
    "CREATE TABLE uploaded (owner TEXT PRIMARY KEY, bytes INTEGER NOT NULL) STRICT, WITHOUT ROWID",
    "INSERT INTO uploaded SELECT owner, sum(size) FROM objects WHERE origin = 'upload' GROUP BY owner",
    """CREATE TRIGGER upload_came AFTER INSERT ON objects WHEN NEW.origin = 'upload' BEGIN
         INSERT INTO uploaded VALUES (NEW.owner, NEW.size)
           ON CONFLICT (owner) DO UPDATE SET bytes = bytes + excluded.bytes;
       END""",
    """CREATE TRIGGER upload_went AFTER DELETE ON objects WHEN OLD.origin = 'upload' BEGIN
         UPDATE uploaded SET bytes = bytes - OLD.size WHERE owner = OLD.owner;
       END""",
)
