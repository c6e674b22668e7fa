"""Twins: models, twins and relationships, and their import, without HTTP, SQL or processes."""
