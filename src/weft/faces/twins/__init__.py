"""Twins: the Azure Digital Twins data plane, version 2023-10-31."""
