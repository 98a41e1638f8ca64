"""The sentence after an action on chosen rows. The URL of the next page contains only its name and numbers."""

from __future__ import annotations

from collections.abc import Mapping

_MOST_DIGITS = 6
_SAYS = {
    "retry": ("{n} {file} put back into the queue.", "{rest} had not failed."),
    "send": ("The results of {n} {study} will be sent again.", "{rest} {has} no written report."),
    "assign": ("{n} {study} assigned.", "{rest} {was} assigned already, or {has} no graded knee."),
    "take": ("{n} {assignment} taken back.", ""),
}


def of_address(form: Mapping[str, str]) -> str:
    """The sentence for the action in the URL; empty if there is none."""
    done, rest = _SAYS.get(form.get("did", ""), ("", ""))
    count, asked = (_number(form.get(name, "")) for name in ("n", "of"))
    if not done or count is None or asked is None:
        return ""
    left = max(asked - count, 0)
    said = [done.format(**_words(count, count))]
    if left and rest:
        said.append(rest.format(**_words(count, left)))
    return " ".join(said)


def _words(count: int, many: int) -> dict[str, object]:
    one = many == 1
    return {
        "n": count,
        "rest": many,
        "file": "file is" if one else "files are",
        "study": "study" if one else "studies",
        "assignment": "assignment" if one else "assignments",
        "has": "has" if one else "have",
        "was": "was" if one else "were",
    }


def _number(said: str) -> int | None:
    return int(said) if said.isascii() and said.isdigit() and len(said) <= _MOST_DIGITS else None
