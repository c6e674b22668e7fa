"""Notebooks in the two formats that Fabric publishes, read, written, and brought from one into the other."""
