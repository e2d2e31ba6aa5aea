"""Plans a run, executes it here, in worker processes or on a cluster, and resumes it."""
