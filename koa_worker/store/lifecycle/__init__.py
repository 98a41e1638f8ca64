"""A file from its arrival to its end, and the results that it brings."""
