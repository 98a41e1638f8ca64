"""What becomes of files later: found by whose they are, erased, or taken up again after a restore."""
