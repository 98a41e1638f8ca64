"""Takes complete files out of the inbox, each exactly once."""

from koa_worker.intake.backlog import Backlog
from koa_worker.intake.claim import Claim, claim, claim_again, left_over
from koa_worker.intake.file_hash import digest, load_and_digest
from koa_worker.intake.folders import check_folders, existing, prepare_folders
from koa_worker.intake.inbox import Scan, Waiting, scan

__all__ = [
    "Backlog",
    "Claim",
    "Scan",
    "Waiting",
    "check_folders",
    "claim",
    "claim_again",
    "digest",
    "existing",
    "left_over",
    "load_and_digest",
    "prepare_folders",
    "scan",
]
