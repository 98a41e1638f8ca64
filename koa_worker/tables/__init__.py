"""The flat tables of results: their columns, and how they are written, for the commands and for the page."""
