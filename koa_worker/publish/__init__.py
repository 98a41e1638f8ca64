"""Brings what is finished to where it belongs."""

from koa_worker.publish.filing import file_away, filed_path

__all__ = ["file_away", "filed_path"]
