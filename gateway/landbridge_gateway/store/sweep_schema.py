"""The columns, indexes and triggers of sweeps: how many of their points stand in line, and in which order they end."""

from landbridge_gateway.store.queue_schema import OPEN, count, waits_no_longer

# What may be given a worker: jobs that are queued, and sweeps with points that no worker has.
IN_LINE = """((state = 'queued' AND session IS NULL AND sweep IS NULL AND unassigned IS NULL)
  OR (state IN ('queued', 'running') AND unassigned > 0))"""
ENDS = ("succeeded", "failed", "cancelled", "lost")

SWEEPS = (
    "ALTER TABLE jobs ADD COLUMN sweep TEXT",
    "ALTER TABLE jobs ADD COLUMN point INTEGER",
    "ALTER TABLE jobs ADD COLUMN chunk INTEGER",  # of a point: the sweep's attempt that has it
    "ALTER TABLE jobs ADD COLUMN done INTEGER",  # of a point: the place in which it ended
    "ALTER TABLE jobs ADD COLUMN logs TEXT",  # of a point: its bytes in the logs of its chunk
    "ALTER TABLE jobs ADD COLUMN unassigned INTEGER",  # of a sweep: queued points that no worker has
    """CREATE TABLE sweeps (
         id TEXT PRIMARY KEY REFERENCES jobs (id), total INTEGER NOT NULL, done INTEGER NOT NULL DEFAULT 0,
         ended INTEGER NOT NULL DEFAULT 0
       ) STRICT, WITHOUT ROWID""",
    "CREATE INDEX open_sweeps ON sweeps (id) WHERE ended = 0",
    "CREATE UNIQUE INDEX points ON jobs (sweep, point) WHERE sweep IS NOT NULL",
    "CREATE INDEX points_by_state ON jobs (sweep, state, chunk, point) WHERE sweep IS NOT NULL",
    "CREATE INDEX points_done ON jobs (sweep, done) WHERE done IS NOT NULL",
    "CREATE INDEX objects_without_digest ON objects (origin) WHERE digest IS NULL",
    # A sweep stands in lists as one job, so its points are in none of their indexes.
    *(
        statement
        for name, columns in (
            ("jobs_by_state", "state, seq"),
            ("jobs_by_experiment", "experiment, seq"),
            ("jobs_by_language", "language, seq"),
            ("jobs_by_owner", "owner, seq"),
        )
        for statement in (
            f"DROP INDEX {name}",
            f"CREATE INDEX {name} ON jobs ({columns}) WHERE sweep IS NULL",
        )
    ),
    # Points are counted by who stores them, many in one statement.
    "DROP TRIGGER job_begins_to_wait",
    f"""CREATE TRIGGER job_begins_to_wait AFTER INSERT ON jobs WHEN NEW.state IN {OPEN} AND NEW.sweep IS NULL
        BEGIN {count("NEW", "")} END""",
    "DROP INDEX jobs_queued",
    f"CREATE INDEX jobs_queued ON jobs (owner, coalesce(experiment, ''), seq) WHERE {IN_LINE}",
    """CREATE TRIGGER point_is_assigned AFTER UPDATE OF state, chunk ON jobs
       WHEN NEW.sweep IS NOT NULL
         AND (OLD.state = 'queued' AND OLD.chunk IS NULL) != (NEW.state = 'queued' AND NEW.chunk IS NULL)
       BEGIN UPDATE jobs SET unassigned = unassigned + iif(NEW.state = 'queued' AND NEW.chunk IS NULL, 1, -1)
         WHERE id = NEW.sweep; END""",
    """CREATE TRIGGER point_ends AFTER UPDATE OF ended ON jobs
       WHEN NEW.sweep IS NOT NULL AND OLD.ended IS NULL AND NEW.ended IS NOT NULL
       BEGIN UPDATE sweeps SET done = done + 1 WHERE id = NEW.sweep;
         UPDATE jobs SET done = (SELECT done FROM sweeps WHERE id = NEW.sweep) WHERE id = NEW.id; END""",
    """CREATE TRIGGER sweep_ends AFTER UPDATE OF ended ON jobs
       WHEN NEW.unassigned IS NOT NULL AND OLD.ended IS NULL AND NEW.ended IS NOT NULL
       BEGIN UPDATE sweeps SET ended = 1 WHERE id = NEW.id; END""",
)

# What hundreds of points do in one transaction is counted once by who writes it: a trigger took as long as the row.
POINTS_TOGETHER = (
    # How many ended in each way: who asks for the counts of a sweep again and again waits for no count of its points.
    *(f"ALTER TABLE sweeps ADD COLUMN {state} INTEGER NOT NULL DEFAULT 0" for state in ENDS),
    *(
        f"""UPDATE sweeps SET {state} =
              (SELECT count(*) FROM jobs WHERE jobs.sweep = sweeps.id AND jobs.state = '{state}')"""
        for state in ENDS
    ),
    # Points that are handed out or given back together change nothing but their chunk.
    "DROP TRIGGER point_is_assigned",
    """CREATE TRIGGER point_is_assigned AFTER UPDATE OF state ON jobs
       WHEN NEW.sweep IS NOT NULL
         AND (OLD.state = 'queued' AND OLD.chunk IS NULL) != (NEW.state = 'queued' AND NEW.chunk IS NULL)
       BEGIN UPDATE jobs SET unassigned = unassigned + iif(NEW.state = 'queued' AND NEW.chunk IS NULL, 1, -1)
         WHERE id = NEW.sweep; END""",
    # Points that end together are told from one that ends by itself by their places, which they bring along.
    "DROP TRIGGER point_ends",
    f"""CREATE TRIGGER point_ends AFTER UPDATE OF ended ON jobs
       WHEN NEW.sweep IS NOT NULL AND OLD.ended IS NULL AND NEW.ended IS NOT NULL AND NEW.done IS NULL
       BEGIN UPDATE sweeps SET done = done + 1,
           {", ".join(f"{state} = {state} + (NEW.state = '{state}')" for state in ENDS)} WHERE id = NEW.sweep;
         UPDATE jobs SET done = (SELECT done FROM sweeps WHERE id = NEW.sweep) WHERE id = NEW.id; END""",
    "DROP TRIGGER job_waits_no_longer",
    waits_no_longer("AND NEW.done IS OLD.done"),
)
