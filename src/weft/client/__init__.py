"""A typed client for weft's faces."""
