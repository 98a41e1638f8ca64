"""Errors of a file: it is set aside with its reason."""

from __future__ import annotations

from koa_worker.errors.entry import CatalogueEntry, Fault

OWN_RESULT = "own_result"  # rejected like any other file, but the sender made no mistake

OF_FILES: dict[str, CatalogueEntry] = {
    # reading
    "empty_file": CatalogueEntry(Fault.FILE, "The file is empty.", "Export it again."),
    "unknown_format": CatalogueEntry(
        Fault.FILE,
        "The file is not DICOM, PNG, JPEG, TIFF or BMP.",
        "Export the radiograph as DICOM or in one of these image formats.",
    ),
    "too_large": CatalogueEntry(
        Fault.FILE,
        "The file or its image is larger than the limit.",
        "Check that it is a radiograph. If it is, raise [limits] max_file_mb or max_megapixels.",
    ),
    "truncated": CatalogueEntry(Fault.FILE, "The file is truncated: its end is missing.", "Export or copy it again."),
    "damaged": CatalogueEntry(
        Fault.FILE,
        "The file is corrupt: its header and contents do not match or cannot be decoded.",
        "Export it again from the PACS.",
    ),
    "encrypted": CatalogueEntry(
        Fault.FILE,
        "The pixel data or the header of the file is encrypted.",
        "Export it without encryption, or decrypt it first.",
    ),
    "dicomdir": CatalogueEntry(
        Fault.FILE,
        "The file is a DICOMDIR: an index of other files, not an image.",
        "Copy the image files that it lists into the inbox. The DICOMDIR itself is not needed.",
    ),
    "no_pixels": CatalogueEntry(
        Fault.FILE,
        "The DICOM object contains no image.",
        "Export the image object, not a report or a presentation state.",
    ),
    "multi_frame": CatalogueEntry(
        Fault.FILE,
        "The DICOM object contains several frames.",
        "Export single radiographs. Cine and tomosynthesis objects cannot be graded.",
    ),
    "unsupported_modality": CatalogueEntry(
        Fault.FILE,
        "The DICOM object is not a projection radiograph.",
        "Send only CR, DX, RG or secondary capture objects.",
    ),
    "unsupported_syntax": CatalogueEntry(
        Fault.FILE,
        "The DICOM transfer syntax is unknown or is not meant for still images.",
        "Export with a transfer syntax listed in docs/formats.md, for example Explicit VR Little Endian.",
    ),
    "unsupported_pixels": CatalogueEntry(
        Fault.FILE,
        "The pixel format is not one that radiographs have.",
        "Export the file as a grayscale image of 8 to 16 bits per pixel.",
    ),
    "own_result": CatalogueEntry(
        Fault.FILE,
        "The file is a result of koa-worker itself.",
        "Nothing is to be done: results are not graded. If possible, do not route them to the worker.",
    ),
    # finding the knee
    "no_knee": CatalogueEntry(
        Fault.FILE,
        "No knee joint was found in the image.",
        "Check the image. koa-worker process --debug-roi DIR draws what was measured.",
    ),
    "knee_not_found": CatalogueEntry(
        Fault.FILE,
        "The other knee was not found in the image.",
        "Have a reader grade that knee. koa-worker process --debug-roi DIR draws what was measured.",
    ),
    "blank": CatalogueEntry(
        Fault.FILE, "The image is blank or almost blank.", "Check the exposure and the export of this radiograph."
    ),
    "too_small": CatalogueEntry(
        Fault.FILE,
        "The knee has too few pixels for the model.",
        "Export the radiograph at its full resolution.",
    ),
    # the quality gate
    "other_part": CatalogueEntry(
        Fault.FILE,
        "The header names a body part other than the knee.",
        "Send only knees. If it is a knee, correct Body Part Examined and export it again.",
    ),
    "other_view": CatalogueEntry(
        Fault.FILE,
        "This is not a frontal view of the knee.",
        "Grade an AP or PA view. The scale does not apply to lateral and skyline views.",
    ),
    "not_a_knee": CatalogueEntry(
        Fault.FILE,
        "The region that was found does not look like a knee in a frontal view.",
        "Check the image. If it shows an upright knee from the front, have a reader grade it.",
    ),
    "implant": CatalogueEntry(
        Fault.FILE,
        "There is an implant or other metal over the joint.",
        "No action is needed: the scale does not apply to a joint that is replaced or hidden.",
    ),
    "cut_off": CatalogueEntry(
        Fault.FILE,
        "The edge of the image cuts off a part of the joint.",
        "Export the whole frame, or repeat the exposure with the whole joint in it.",
    ),
    "poor_exposure": CatalogueEntry(
        Fault.FILE,
        "The exposure of the joint is so poor that the bone cannot be seen.",
        "Check exposure and window, and export the radiograph again.",
    ),
    "blurred": CatalogueEntry(
        Fault.FILE,
        "The joint is too blurred for a grade.",
        "Export the radiograph at its full resolution, or repeat the exposure.",
    ),
    "coloured": CatalogueEntry(
        Fault.FILE,
        "The image is in colour: it is a photograph or a document, not a radiograph.",
        "Export the radiograph itself, as DICOM or as a grayscale image.",
    ),
}
