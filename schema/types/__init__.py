"""The types of the graph."""
