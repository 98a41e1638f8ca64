"""Errors of the setup: the command does not start."""

from __future__ import annotations

from koa_worker.errors.entry import CatalogueEntry, Fault

OF_SETUP: dict[str, CatalogueEntry] = {
    "config": CatalogueEntry(
        Fault.SETUP,
        "The configuration is invalid.",
        "Correct the named line of config.toml or the named environment variable.",
    ),
    "secret_file": CatalogueEntry(
        Fault.SETUP,
        "A file with a secret cannot be used.",
        "Check that it exists, that the worker's account may read it, and that it contains exactly one line.",
    ),
    "model_missing": CatalogueEntry(
        Fault.SETUP,
        "A file of the model release is missing.",
        "Reinstall koa-worker, or point [model] path at a complete release folder.",
    ),
    "not_a_release": CatalogueEntry(
        Fault.SETUP,
        "This is not a model release. A release is a folder with manifest.json and the LiteRT models that it names.",
        "Train with koa-train fit --start, make a release with koa-train export, and set [model] path to that folder.",
    ),
    "model_altered": CatalogueEntry(
        Fault.SETUP,
        "A file of the model release does not match the manifest.",
        "Restore the release. The worker never grades with a changed model.",
    ),
    "site_missing": CatalogueEntry(
        Fault.SETUP,
        "The file of the site's scale cannot be read.",
        "Correct [model] site or --site, or make the file with koa-worker calibrate.",
    ),
    "site_altered": CatalogueEntry(
        Fault.SETUP,
        "The file of the site's scale was changed after koa-worker calibrate wrote it.",
        "Restore the file, or make it again with koa-worker calibrate. It must not be edited.",
    ),
    "site_other_release": CatalogueEntry(
        Fault.SETUP,
        "The site's scale was fitted to another model release.",
        "Run koa-worker calibrate again with this release and the same grades, or set [model] path to that release.",
    ),
    "grades_unusable": CatalogueEntry(
        Fault.SETUP,
        "The grades to calibrate to cannot be used.",
        "Give a CSV file with the columns path and kl, or sop_uid, side and kl. See docs/calibration.md.",
    ),
    "too_few_grades": CatalogueEntry(
        Fault.SETUP,
        "There are too few graded knees to calibrate.",
        "Have readers grade at least 30 knees, of all grades that occur.",
    ),
    "training_missing": CatalogueEntry(
        Fault.SETUP,
        "A package that the training commands need is not installed.",
        "Install it with pip install 'koa-worker[train]'.",
    ),
    "store_newer": CatalogueEntry(
        Fault.SETUP,
        "The database was made by a newer version of koa-worker.",
        "Update koa-worker, or point [store] url at another database.",
    ),
    "store_older": CatalogueEntry(
        Fault.SETUP,
        "The database was made by an older version of koa-worker.",
        "Stop all daemons, back the database up, and run koa-worker db upgrade.",
    ),
    "store_missing": CatalogueEntry(
        Fault.SETUP,
        "There is no database yet.",
        "Start koa-worker run, which makes it. If there should be one, correct [store] url or mount its disk.",
    ),
    "store_backup": CatalogueEntry(
        Fault.SETUP,
        "The database could not be backed up before its upgrade.",
        "Nothing was changed. Free as much space as the database has beside it, and check the folder's permissions.",
    ),
    "several_issuers": CatalogueEntry(
        Fault.SETUP,
        "This patient id was given by more than one issuer: it may be that of several persons.",
        "Nothing was erased. Name one with --issuer; --issuer '' means the ids without one.",
    ),
    "store_copy": CatalogueEntry(
        Fault.SETUP,
        "The database was not copied.",
        "Nothing was written. Give an empty database as the target.",
    ),
    "receiver": CatalogueEntry(
        Fault.SETUP,
        "The DICOM receiver cannot listen.",
        "Correct [dicom.receiver] host, port or the TLS files. A port below 1024 needs special rights.",
    ),
    "web": CatalogueEntry(
        Fault.SETUP,
        "The web page cannot be served.",
        "Correct [web] host and port. A proxy, or a host other than loopback, needs users: run koa-worker user add.",
    ),
    "password": CatalogueEntry(
        Fault.SETUP,
        "The password cannot be used.",
        "Choose another one. A few unrelated words are easy to remember and hard to guess.",
    ),
    "batch_source": CatalogueEntry(
        Fault.SETUP,
        "The source of the batch cannot be read.",
        "Give a folder, a URL of an object store, or a manifest. A URL may need another package, such as s3fs for s3://.",
    ),
    "batch_results": CatalogueEntry(
        Fault.SETUP, "The results folder cannot be used.", "Choose another --results folder, on a disk with free space."
    ),
    "batch_other": CatalogueEntry(
        Fault.SETUP,
        "The results folder belongs to another model, site's scale, version or review threshold.",
        "Choose a new --results folder. Results of different models or settings are not mixed.",
    ),
    "batch_busy": CatalogueEntry(
        Fault.SETUP, "Another run is using this results folder.", "Wait until that run has ended, or stop it."
    ),
    "cluster": CatalogueEntry(
        Fault.SETUP,
        "The cluster cannot be used.",
        "Install the same version of koa-worker[cluster] here and on every worker, and check --cluster.",
    ),
    "folders": CatalogueEntry(
        Fault.SETUP,
        "The folders cannot be used as configured.",
        "Correct [folders], or create them with the right permissions.",
    ),
    "account": CatalogueEntry(
        Fault.SETUP,
        "This is not the account that the worker runs as.",
        "Run the command as the owner. Another account's files would keep the service from starting.",
    ),
    "destination": CatalogueEntry(
        Fault.SETUP,
        "A destination does not answer or does not accept the worker.",
        "Compare [[dicom.destinations]] with the PACS: host, port, AE titles, or url and token, or folder; TLS.",
    ),
    "tls": CatalogueEntry(
        Fault.SETUP,
        "A file for TLS cannot be used.",
        "Correct its path and permissions, or renew the certificate.",
    ),
    "clock": CatalogueEntry(
        Fault.SETUP,
        "The clock of this machine is wrong.",
        "Set it, and keep it right with NTP.",
    ),
}
