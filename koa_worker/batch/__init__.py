"""Grades an archive in place: on this machine or on a Dask cluster, resumable, into Parquet and the store."""
