"""The job engine: how a job lives, from submit to its end; it knows no HTTP, no SQL and no contract."""
