"""Worker processes: their pool, the messages to them and what one does with a file."""
