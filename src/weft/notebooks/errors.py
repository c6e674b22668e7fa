"""What can be expected to be wrong with a text that should be a notebook."""

from __future__ import annotations


class NotANotebook(Exception):
    """The message says what is wrong, and where in the text."""


class NotFabricSource(NotANotebook):
    """It is not in the Git format."""


class NotIpynb(NotANotebook):
    """It is not in Jupyter's format."""
