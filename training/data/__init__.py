"""Graded knees as training sees them: where they lie, how they are split, their crops and frames."""
