"""The process that reads an import file: `python -m weft.importing`, see twins/feed.py."""
