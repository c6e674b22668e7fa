"""The query language: text becomes a selection, which a store turns into its own words."""
