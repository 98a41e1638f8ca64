"""Grades knee osteoarthritis on radiographs that a PACS drops into a folder."""

__version__ = "1.0.0"

RESEARCH_NOTICE = "Research use only. Not for diagnostic use."
