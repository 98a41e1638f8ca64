"""What a DICOM header says: its elements as text, identity, names, geometry and device."""
