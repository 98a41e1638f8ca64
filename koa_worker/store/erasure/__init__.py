"""The data of a patient, a study or an accession number, and their erasure."""
