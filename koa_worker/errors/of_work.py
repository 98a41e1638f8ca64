"""Errors of the worker or its surroundings: the file is retried."""

from __future__ import annotations

from koa_worker.errors.entry import CatalogueEntry, Fault

OF_WORK: dict[str, CatalogueEntry] = {
    "internal": CatalogueEntry(
        Fault.OURS,
        "The worker had an internal error.",
        "The worker retries the file. If the error persists, report the lines from the log.",
    ),
    "io": CatalogueEntry(
        Fault.OURS,
        "A file could not be read or written.",
        "Check the disk, its free space and the permissions with koa-worker doctor.",
    ),
    "store": CatalogueEntry(
        Fault.OURS, "The database did not answer.", "Check the database and its address with koa-worker doctor."
    ),
    "unknown_record": CatalogueEntry(
        Fault.OURS,
        "The database has no such record.",
        "Check the ID, and that [store] url is the right database. koa-worker export lists files and studies.",
    ),
    "wrong_state": CatalogueEntry(
        Fault.OURS,
        "The file is no longer in the state that this step needs.",
        "No action is needed: another worker process has changed it, and the step is decided again from its new state.",
    ),
    "worker_crashed": CatalogueEntry(
        Fault.OURS,
        "The worker process that graded the file died.",
        "A new process retries the file. If the error persists, report the file's format and the lines from the log.",
    ),
    "timed_out": CatalogueEntry(
        Fault.OURS,
        "The file took longer than the timeout.",
        "The worker retries the file. If the error persists on an idle machine, raise [limits] seconds_per_file.",
    ),
    "out_of_memory": CatalogueEntry(
        Fault.OURS,
        "The file needed more memory than the limit.",
        "The worker retries the file. If the error persists, raise [limits] memory_mb or lower max_megapixels.",
    ),
    "in_flight": CatalogueEntry(
        Fault.OURS,
        "Files that are to be erased are being worked on.",
        "Nothing was erased. Run the same command again, or stop the daemon first.",
    ),
    "cluster_lost": CatalogueEntry(
        Fault.OURS,
        "The cluster no longer answers.",
        "Start the cluster again and run the same command. Finished work is kept.",
    ),
    "no_place": CatalogueEntry(
        Fault.OURS,
        "The original lacks the UIDs that its result objects need, or its header nests sequences without end.",
        "No action is needed: the report is written, but no DICOM objects are sent.",
    ),
}
