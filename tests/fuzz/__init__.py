"""Mutated requests to a real server: never a 5xx, always the contract's envelope, alive after it."""
