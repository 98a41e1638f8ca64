"""The names that users may have, for the command and for the page."""

from __future__ import annotations

import re

_NAME = re.compile(r"[a-z0-9][a-z0-9._@-]{0,63}")
_TAKEN = frozenset({"local", "console"})  # in the audit log: a page without users, and the commands


def fault_of_name(name: str) -> str:
    """The reason why a name cannot be a user's; empty if it can."""
    if _NAME.fullmatch(name) and name not in _TAKEN:
        return ""
    return "a name has at most 64 letters, digits and . _ @ -, and is not local or console"
