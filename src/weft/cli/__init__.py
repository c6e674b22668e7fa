"""The weft command."""
