"""Everything that goes to a PACS: the results as DICOM objects, the outbox and the sender."""
