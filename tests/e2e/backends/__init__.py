"""Backends of workloads written against the published contracts alone: nothing in them knows weft."""
