"""Grades an archive where it lies: on this machine or on a Dask cluster, resumable, into Parquet and the store."""
