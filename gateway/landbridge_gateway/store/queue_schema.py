"""The indexes and triggers of jobs that wait: how many there are, and whose turn it may be, without counting."""

OPEN = "('waiting', 'queued')"


def count(job: str, change: str) -> str:
    """In a trigger: count a job under its owner and under the empty name, which is everybody."""
    return "".join(
        f"INSERT INTO queue_sizes VALUES ({owner}, {change}1) ON CONFLICT DO UPDATE SET jobs = jobs {change or '+'} 1; "
        for owner in (f"{job}.owner", "''")
    )


def waits_no_longer(more: str = "") -> str:
    """The trigger that counts a job out. ``more``: what must hold of the job besides."""
    return f"""CREATE TRIGGER job_waits_no_longer AFTER UPDATE OF state ON jobs
        WHEN OLD.state IN {OPEN} AND NEW.state NOT IN {OPEN} {more}
        BEGIN {count("OLD", "-")} END"""


QUEUE = (
    "ALTER TABLE jobs ADD COLUMN open_inputs INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE jobs ADD COLUMN failed_inputs INTEGER NOT NULL DEFAULT 0",
    """UPDATE jobs SET
         open_inputs = (SELECT count(*) FROM inputs JOIN jobs AS given ON given.id = inputs.input
                        WHERE inputs.job = jobs.id AND given.ended IS NULL),
         failed_inputs = (SELECT count(*) FROM inputs JOIN jobs AS given ON given.id = inputs.input
                          WHERE inputs.job = jobs.id AND given.ended IS NOT NULL AND given.state != 'succeeded')
       WHERE state = 'waiting'""",
    """CREATE INDEX jobs_entering ON jobs (runtime, owner, coalesce(experiment, ''), seq)
       WHERE state = 'waiting' AND open_inputs = 0 AND failed_inputs = 0""",
    "CREATE INDEX jobs_doomed ON jobs (seq) WHERE state = 'waiting' AND failed_inputs > 0 AND open_inputs = 0",
    """CREATE INDEX jobs_queued ON jobs (owner, coalesce(experiment, ''), seq)
       WHERE state = 'queued' AND session IS NULL""",
    "CREATE TABLE queue_sizes (owner TEXT PRIMARY KEY, jobs INTEGER NOT NULL) STRICT, WITHOUT ROWID",
    f"INSERT INTO queue_sizes SELECT owner, count(*) FROM jobs WHERE state IN {OPEN} GROUP BY owner",
    f"INSERT INTO queue_sizes SELECT '', count(*) FROM jobs WHERE state IN {OPEN}",
    f"""CREATE TRIGGER job_begins_to_wait AFTER INSERT ON jobs WHEN NEW.state IN {OPEN}
        BEGIN {count("NEW", "")} END""",
    waits_no_longer(),
    f"""CREATE TRIGGER job_waits_again AFTER UPDATE OF state ON jobs
        WHEN OLD.state NOT IN {OPEN} AND NEW.state IN {OPEN}
        BEGIN {count("NEW", "")} END""",
    """CREATE TRIGGER input_is_named AFTER INSERT ON inputs
       BEGIN UPDATE jobs SET
         open_inputs = open_inputs + (SELECT ended IS NULL FROM jobs WHERE id = NEW.input),
         failed_inputs = failed_inputs + (SELECT ended IS NOT NULL AND state != 'succeeded'
                                          FROM jobs WHERE id = NEW.input)
         WHERE id = NEW.job; END""",
    """CREATE TRIGGER input_ends AFTER UPDATE OF ended ON jobs WHEN OLD.ended IS NULL AND NEW.ended IS NOT NULL
       BEGIN UPDATE jobs SET open_inputs = open_inputs - 1, failed_inputs = failed_inputs + (NEW.state != 'succeeded')
         WHERE id IN (SELECT job FROM inputs WHERE input = NEW.id); END""",
)
