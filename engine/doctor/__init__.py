"""Whether a host is healthy, and why not: `python -m engine doctor`.  It needs the standard library alone."""
