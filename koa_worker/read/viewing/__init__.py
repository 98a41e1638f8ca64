"""Originals for the page's viewer, decoded in a process of its own."""
