"""The objects that are sent to each destination, and their acknowledgements."""
