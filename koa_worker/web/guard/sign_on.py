"""Sign-on by a reverse proxy: it gets the user's name from an identity provider, and sends it in a header.

The header counts only with the secret that proxy and worker share, in a request from the proxy's address. Any other
request with one of the two headers is refused, so that such a header is never combined with a cookie or a token.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from koa_worker.config import WebSettings
from koa_worker.config.sources import read_secret
from koa_worker.errors import SetupError
from koa_worker.web.guard.user_names import fault_of_name

SECRET_HEADER = "Koa-Sign-On-Secret"  # noqa: S105 - the name of the header
SHORTEST_SECRET = 32


class Spoofed(Exception):
    """The request has headers of a sign-on, but they are not the proxy's."""


@dataclass(frozen=True, slots=True)
class SignOn:
    """The headers of the proxy, and its secret."""

    header: str
    secret: str
    proxy: str

    @classmethod
    def of(cls, settings: WebSettings) -> SignOn | None:
        """None if sign-on is not configured; raises SetupError if it is incomplete, or if the secret is too short."""
        if not settings.sign_on_header:
            return None
        if not (settings.proxy and settings.sign_on_secret_file):
            raise SetupError("web", "[web] sign_on_header needs proxy and sign_on_secret_file")
        secret = read_secret("[web] sign_on_secret_file", Path(settings.sign_on_secret_file))
        if len(secret) < SHORTEST_SECRET or not (secret.isascii() and secret.isprintable()):
            raise SetupError("web", f"[web] sign_on_secret_file has fewer than {SHORTEST_SECRET} ASCII characters")
        return cls(settings.sign_on_header, secret, settings.proxy)

    def is_used(self, said: Mapping[str, str]) -> bool:
        """Whether the request has one of the headers; names are as in a WSGI environment, without `HTTP_`."""
        return _key(self.header) in said or _key(SECRET_HEADER) in said

    def name(self, said: Mapping[str, str]) -> str | None:
        """The user's name from the proxy; None if nobody signed on, or if the request has no such header.

        Raises Spoofed for a wrong secret, or a name without one.
        """
        shown, name = said.get(_key(SECRET_HEADER)), said.get(_key(self.header), "").strip().lower()
        if shown is None and _key(self.header) not in said:
            return None
        if shown is None or not hmac.compare_digest(shown.encode(), self.secret.encode()):
            raise Spoofed
        return name if name and not fault_of_name(name) else None  # a comma joins two headers


def of_environment(environment: Mapping[str, object]) -> dict[str, str]:
    """The headers from a WSGI environment, in the form that the gate uses."""
    return {name.removeprefix("HTTP_"): str(value) for name, value in environment.items() if name.startswith("HTTP_")}


def _key(header: str) -> str:
    return header.upper().replace("-", "_")
