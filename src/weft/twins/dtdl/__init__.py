"""DTDL, versions 2 and 3: parse and validate models, and check values against their schemas."""
