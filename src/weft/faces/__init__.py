"""The contracts on the wire: routes, mapping and errors, and what all faces share."""
