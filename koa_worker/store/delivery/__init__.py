"""What is sent to each destination, and what has arrived there."""
