"""What a reader changes from the page of a study: its sides and pixel size, what is sent, and its erasure."""
