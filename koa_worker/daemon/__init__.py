"""The running service: it watches the folder, gives files to worker processes and keeps its figures."""
