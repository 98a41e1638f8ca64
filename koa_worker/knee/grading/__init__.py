"""The grade of a knee, its confidence, and its explanation."""
