"""All that goes to a PACS: DICOM objects of the results, where they wait, and how they are sent."""
