"""All paths: objects, job folders, atomic writes, and the ladder that reads a job's outcome from its folder."""
