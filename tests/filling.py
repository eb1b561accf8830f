"""Jobs by the thousand, put straight into the database: what submitting them one by one would take minutes for."""

from __future__ import annotations

import json

from landbridge_gateway.model import Limits
from landbridge_gateway.store.database import Database

_ROWS = """WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :count)
  INSERT INTO jobs (id, owner, key, body_digest, name, language, runtime, experiment, state, seed, submitted, limits,
                    task, "values")
  SELECT printf('job_%016d', :base + i), :owner, :base + i, '', 'f', 'r', 'r:4.6', :experiment, :state, 1,
         '2024-01-01T00:00:00.000000Z', :limits, '{"language": "r", "function": {"type": "source", "name": "f"}}',
         '{"items": []}' FROM n"""


def fill(database: Database, owner: str, experiment: str, count: int, state: str = "queued") -> None:
    """``count`` jobs of an owner and an experiment, waiting or queued."""
    with database.write() as db:
        base = db.execute("SELECT count(*) FROM jobs").fetchone()[0]
        given = {"owner": owner, "experiment": experiment, "count": count, "state": state, "base": base}
        db.execute(_ROWS, given | {"limits": json.dumps(Limits().as_json())})
