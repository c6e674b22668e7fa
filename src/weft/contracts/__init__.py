"""The published JSON of each contract as structs: names, nulls and enums exactly, no behaviour."""
