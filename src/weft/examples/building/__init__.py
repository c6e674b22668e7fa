"""Buildings as a graph of twins: an ontology of weft's own, and graphs of any size made from it."""
