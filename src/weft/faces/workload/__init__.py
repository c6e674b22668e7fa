"""Workload: the host side of the Workload API."""
