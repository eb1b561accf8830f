"""What is known not to keep the promise: direction and kind. These sets are empty, and stay so."""

SILENT: set[tuple[str, str]] = set()
BROKEN: set[tuple[str, str]] = set()
