"""The settings of the DICOM libraries, made once for the whole process before any thread uses them.

These settings, and Python's list of ignored warnings, are process-wide: if two threads changed them around their calls,
each would undo the settings of the other.
"""

from __future__ import annotations

import logging
import warnings


def set_up_pydicom() -> None:
    """Makes pydicom accept invalid values and not quote them: such a value may be the patient's name."""
    from pydicom import config  # noqa: PLC0415

    config.settings.reading_validation_mode = config.IGNORE
    logging.getLogger("pydicom").setLevel(logging.CRITICAL)
    warnings.filterwarnings("ignore", module="pydicom")
