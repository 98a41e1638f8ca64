"""The command line: the commands, and the tables and screens that they print."""
