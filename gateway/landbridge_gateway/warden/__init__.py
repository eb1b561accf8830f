"""The second process: the only one that talks to the engine. It takes ids over a private socket, never paths or options."""
