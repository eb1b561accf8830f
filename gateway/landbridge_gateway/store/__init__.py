"""All SQL. One file per noun; every write goes through one connection."""
