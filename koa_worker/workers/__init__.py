"""Worker processes: their pool, the messages to them, and the steps of a file in them."""
