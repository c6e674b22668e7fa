"""Manifest packages of workloads: read as strictly as their published schemas, and told as item types."""
