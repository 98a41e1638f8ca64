"""Keeps search words under random numbers, because words may name a patient, and browsers and proxies keep URLs."""

from __future__ import annotations

import secrets
import threading
from collections import OrderedDict

_MOST = 2_000  # searches; the oldest are forgotten


class Searches:
    """The words that users of this process searched for. A restart forgets them."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, tuple[str, str]] = OrderedDict()
        self._lock = threading.Lock()

    def keep(self, text: str, user: str) -> str:
        """A number for the URL, which stands for the words of this user's search."""
        number = secrets.token_hex(16)
        with self._lock:
            self._kept[number] = (user, text)
            while len(self._kept) > _MOST:
                self._kept.popitem(last=False)
        return number

    def find(self, number: str, user: str) -> str | None:
        """The words, if this user searched for them and they are not forgotten."""
        with self._lock:
            whose, text = self._kept.get(number, ("", ""))
            if whose != user or not text:
                return None
            self._kept.move_to_end(number)
            return text
