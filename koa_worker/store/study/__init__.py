"""Studies and their patients: headers, images, knees, and the patient's other exams."""
