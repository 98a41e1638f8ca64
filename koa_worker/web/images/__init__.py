"""The images of a study, and the originals that they were made from."""
