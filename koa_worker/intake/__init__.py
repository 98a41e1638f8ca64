"""Takes whole files out of the inbox, each exactly once."""

from koa_worker.intake.claim import Claim, claim, claim_again, left_over
from koa_worker.intake.folders import prepare_folders
from koa_worker.intake.identity import digest
from koa_worker.intake.inbox import Waiting, list_waiting
from koa_worker.intake.stability import StabilityTracker
from koa_worker.intake.watch import Watch

__all__ = [
    "Claim",
    "StabilityTracker",
    "Waiting",
    "Watch",
    "claim",
    "claim_again",
    "digest",
    "left_over",
    "list_waiting",
    "prepare_folders",
]
