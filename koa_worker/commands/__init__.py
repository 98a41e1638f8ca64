"""What a person types: the command line, its screens and what it prints."""
