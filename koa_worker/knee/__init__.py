"""From a radiograph to graded knees: finding, preparing, grading, explaining."""
