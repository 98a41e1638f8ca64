"""Fits the answers of a release to how a site's own readers use the scale, and measures the improvement."""
