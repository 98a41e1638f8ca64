"""The running service: it watches the inbox, gives files to worker processes and keeps counts for the metrics."""
