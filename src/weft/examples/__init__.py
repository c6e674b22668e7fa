"""Workloads that come with weft."""
