"""The results of a study as DICOM objects: structured report, capture, presentation state, PDF, rejection note."""
