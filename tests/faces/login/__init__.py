"""The sign-in service."""
