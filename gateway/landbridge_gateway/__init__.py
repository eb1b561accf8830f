"""The gateway: takes jobs, keeps the record, hands work to the warden, shows results. It opens no payload."""

__version__ = "0.1.0"
PROTOCOL = 1
