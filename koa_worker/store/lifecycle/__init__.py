"""A file from its arrival to its final state, and its results."""
