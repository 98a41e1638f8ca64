"""Hashes of passwords and tokens: only the hashes are stored."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import threading
import unicodedata
from base64 import b64decode, b64encode
from dataclasses import dataclass
from functools import cache

SHORTEST, LONGEST = 10, 256
_ROWS = tuple(
    row * 3 for row in ("1234567890", "0123456789", "abcdefghijklmnopqrstuvwxyz", "qwertyuiopasdfghjklzxcvbnm")
)
_TOKEN = "koa_"  # noqa: S105 - the prefix of a token, by which a scanner finds leaked ones


@dataclass(frozen=True, slots=True)
class Cost:
    """The cost of one guess: 32 MB of memory, three passes. It is stored with each hash, so that it can be raised."""

    n: int = 2**15
    r: int = 8
    p: int = 3


# At most two hashes are computed at the same time, for any number of requests.
_turns = threading.BoundedSemaphore(2)


def hashed(password: str, cost: Cost | None = None) -> str:
    """The hash of a password as one line: scheme, parameters, salt and hash."""
    cost, salt = cost or Cost(), secrets.token_bytes(16)
    return "$".join(
        ("scrypt", str(cost.n), str(cost.r), str(cost.p), _text(salt), _text(_scrypt(password, salt, cost)))
    )


def matches(password: str, kept: str | None) -> bool:
    """Whether the password matches. It takes as long for an unknown user, so that nobody learns which users exist."""
    _, n, r, p, salt, expected = (kept or _decoy()).split("$")
    found = _scrypt(password[:LONGEST], b64decode(salt), Cost(int(n), int(r), int(p)))
    return hmac.compare_digest(found, b64decode(expected)) and kept is not None


def fault_of(password: str) -> str:
    """The reason why a new password is not accepted; empty if it is."""
    if len(password) < SHORTEST:
        return f"it has fewer than {SHORTEST} characters"
    if len(password) > LONGEST:
        return f"it has more than {LONGEST} characters"
    if any(password.lower() in row or password.lower() in row[::-1] for row in _ROWS):
        return "it only follows the keys or the alphabet"
    return "it has fewer than 3 different characters" if len(set(password)) < 3 else ""


def new_secret() -> str:
    return secrets.token_urlsafe(32)


def new_token() -> str:
    return _TOKEN + new_secret()


def secret_hash(secret: str) -> str:
    """The hash of a secret. Secrets are long and random, so that a fast hash is enough."""
    return hashlib.sha256(secret.encode()).hexdigest()


def _scrypt(password: str, salt: bytes, cost: Cost) -> bytes:
    # The same password may be typed in two ways on two keyboards.
    plain = unicodedata.normalize("NFKC", password).encode("utf-8", "surrogatepass")
    with _turns:
        room = 128 * cost.r * (cost.n + cost.p + 2) + 2**20
        return hashlib.scrypt(plain, salt=salt, n=cost.n, r=cost.r, p=cost.p, maxmem=room, dklen=32)


@cache
def _decoy() -> str:
    return hashed(new_secret())


def _text(data: bytes) -> str:
    return b64encode(data).decode()
