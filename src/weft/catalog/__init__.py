"""Workspaces, their items, and who may do what in them."""
