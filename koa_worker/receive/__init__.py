"""Receives radiographs by DICOM C-STORE and moves each complete object into the inbox."""

from koa_worker.receive.receiver import receiving

__all__ = ["receiving"]
