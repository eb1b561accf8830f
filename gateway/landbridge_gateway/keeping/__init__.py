"""Keeping and leaving: backups, restored homes, and what is removed when it is no longer wanted."""
