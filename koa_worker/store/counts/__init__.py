"""Counts for the status screen and for the watch over weeks."""
