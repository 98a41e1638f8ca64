"""Counts for the status screen and for `koa-worker drift`."""
