"""What every refusal is: a status, a stable code, one plain sentence, and nothing of ours or of what was sent."""

from __future__ import annotations

import re
from typing import Any

CODE = re.compile(r"[a-z_]+")
INNARDS = re.compile(r"Traceback|File \"|\.py\b|/gateway/|sqlite|werkzeug|cheroot|jsonschema|<class '", re.IGNORECASE)


def refused(answer: Any, status: int | tuple[int, ...], code: str | None = None, *, never: str = "") -> str:
    """The sentence of a refusal in the one error shape; ``never`` is what of the request must not come back."""
    assert answer.status_code in ((status,) if isinstance(status, int) else status), (answer.status_code, answer.data)
    assert answer.mimetype == "application/json", answer.data[:200]
    error = answer.json["error"]
    assert set(error) == {"code", "message", "hint", "detail"}
    assert CODE.fullmatch(error["code"]), error
    assert code is None or error["code"] == code, error
    assert error["message"].endswith(".") and "\n" not in error["message"], error
    assert len(answer.data) < 3000, len(answer.data)
    assert not INNARDS.search(answer.text), answer.text
    if never:
        assert never not in answer.text
    return str(error["message"])
