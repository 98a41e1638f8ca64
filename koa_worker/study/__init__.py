"""The results of a whole study: one line for each knee from all its images, and the knee at earlier exams."""
