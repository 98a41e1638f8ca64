"""What a reader asks of a whole study: one line for each knee, and how the knee was at the earlier exams."""
