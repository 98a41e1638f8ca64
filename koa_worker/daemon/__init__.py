"""The running service: it watches the folder, hands files to worker processes and keeps its figures."""
