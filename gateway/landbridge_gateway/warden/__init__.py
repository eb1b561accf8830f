"""The second process, the only one that talks to the engine: it takes ids over a private socket, never paths."""
