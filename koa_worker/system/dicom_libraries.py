"""What the DICOM libraries are told, once for the whole process and before any thread uses them.

Their switches, and Python's list of warnings to ignore, belong to the process: turned on and off again around a call,
two threads that overlap would leave them as neither wants them.
"""

from __future__ import annotations

import logging
import warnings


def set_up_pydicom() -> None:
    """Takes values as headers have them, and quotes none of them: the odd one may be the patient's name."""
    from pydicom import config  # noqa: PLC0415

    config.settings.reading_validation_mode = config.IGNORE
    logging.getLogger("pydicom").setLevel(logging.CRITICAL)
    warnings.filterwarnings("ignore", module="pydicom")
