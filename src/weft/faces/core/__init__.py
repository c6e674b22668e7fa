"""Core: the public job scheduler."""
