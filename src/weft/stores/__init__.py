"""Durable jobs and catalog in SQL: the verbs of the ports, one folder a database."""
