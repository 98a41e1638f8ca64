"""The values that the store returns: frozen, and without a connection to the database."""
