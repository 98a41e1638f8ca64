"""Receives radiographs by DICOM C-STORE and lays each, once whole, into the inbox."""

from koa_worker.receive.receiver import receiving

__all__ = ["receiving"]
