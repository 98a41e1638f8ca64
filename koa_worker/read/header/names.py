"""Makes patient names and other text readable, in any character set."""

from __future__ import annotations

from pydicom.charset import default_encoding
from pydicom.dataset import Dataset
from pydicom.valuerep import PersonName

from koa_worker.read.header import elements

_GROUPS = 3  # alphabetic, ideographic, phonetic: PS3.5 6.2.1.2


def patient_name(dataset: Dataset) -> str:
    """`Ivanov^Ivan` → `Ivanov Ivan`, `Yamada^Tarou=山田^太郎` → `山田 太郎 (Yamada Tarou)`; empty if there is none."""
    found = elements.values(dataset, "PatientName")
    if not found:
        return ""
    groups = [_readable(group) for group in _decoded(found[0]).split("=")[:_GROUPS]]
    alphabetic, ideographic, phonetic = (groups + [""] * _GROUPS)[:_GROUPS]
    first = ideographic or alphabetic or phonetic
    others = dict.fromkeys(name for name in (alphabetic, phonetic) if name and name != first)
    return f"{first} ({', '.join(others)})" if others else first


def _decoded(name: object) -> str:
    """The name as text. UTF-8 without a declared character set is common, so it is tried first."""
    if isinstance(name, PersonName) and name.encodings in (None, (), (default_encoding,)):
        try:
            return name.original_string.decode("utf-8")
        except (AttributeError, UnicodeDecodeError):
            pass
    return str(name)


def _readable(group: str) -> str:
    """Family, given and middle name, then a comma, prefix and suffix."""
    family, given, middle, prefix, suffix = [elements.clean(part) for part in (group.split("^") + [""] * 5)[:5]]
    name = " ".join(part for part in (family, given, middle) if part)
    return ", ".join(part for part in (name, prefix, suffix) if part)
