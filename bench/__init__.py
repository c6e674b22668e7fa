"""Measurements of weft on this machine, beside a FastAPI app that stores the same jobs."""
