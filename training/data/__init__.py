"""Graded knees for training: the layouts of their files, their split, their crops and frames."""
