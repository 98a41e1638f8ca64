"""What a knee's grade is, how sure the release is of it, and why."""
