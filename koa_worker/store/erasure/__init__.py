"""What belongs to a patient, a study or a file, and its erasure."""
