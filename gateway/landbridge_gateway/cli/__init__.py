"""The `landbridge` command: no logic, only calls. Talk goes to stderr, output to stdout."""

from landbridge_gateway.cli import environments, images, jobs, keeping, secrets, service, tokens
from landbridge_gateway.cli.group import main

__all__ = ["environments", "images", "jobs", "keeping", "main", "secrets", "service", "tokens"]
