"""HTTP: the API for clients and the pages for people, from the same data."""
