"""A local OneLake: the files of items, kept in the data directory."""
