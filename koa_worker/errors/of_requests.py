"""Errors of a request to the page or the API: it is refused."""

from __future__ import annotations

from koa_worker.errors.entry import CatalogueEntry, Fault

OF_REQUESTS: dict[str, CatalogueEntry] = {
    "bad_request": CatalogueEntry(
        Fault.CALLER,
        "The request is invalid.",
        "Compare it with /api/v1/openapi.json.",
    ),
    "not_logged_in": CatalogueEntry(
        Fault.CALLER,
        "Nobody is logged in, or the session has ended.",
        "Log in. A script sends a token that koa-worker user token makes.",
    ),
    "wrong_password": CatalogueEntry(
        Fault.CALLER,
        "The name or the password is wrong.",
        "Try again, or ask an administrator to set a new password with koa-worker user password.",
    ),
    "spoofed_sign_on": CatalogueEntry(
        Fault.CALLER,
        "The request names a user as only the sign-on proxy may.",
        "Come through the proxy. If you did, compare its secret with [web] sign_on_secret_file.",
    ),
    "unknown_sign_on": CatalogueEntry(
        Fault.CALLER,
        "You are signed on, but there is no user with your name here, or the user is locked.",
        "Ask an administrator to add the user under the name that the sign-on gives.",
    ),
    "not_allowed": CatalogueEntry(
        Fault.CALLER,
        "The user's role does not allow this.",
        "Ask an administrator for an account with another role.",
    ),
    "last_admin": CatalogueEntry(
        Fault.CALLER,
        "Nobody would be left who may manage the users.",
        "Give another user the role admin first, or use koa-worker user on the server.",
    ),
    "blind_reading": CatalogueEntry(
        Fault.CALLER,
        "What the model says is hidden from a blind reader.",
        "Read all knees of the study first. [web] blind_readers names who reads blind.",
    ),
    "not_here": CatalogueEntry(
        Fault.CALLER,
        "Unknown host name, or a remote client while no users exist.",
        "Add the name to [web] names, or create a user with koa-worker user add.",
    ),
    "forged": CatalogueEntry(
        Fault.CALLER,
        "The request was not sent from this page, or the page was loaded too long ago.",
        "Reload the page and try again.",
    ),
    "not_found": CatalogueEntry(
        Fault.CALLER,
        "There is nothing at this address.",
        "Check the address for typing errors.",
    ),
    "too_many": CatalogueEntry(
        Fault.CALLER,
        "Too many requests: the rate limit is reached.",
        "Wait, then try again. The Retry-After header gives the seconds to wait.",
    ),
    "too_slow": CatalogueEntry(
        Fault.CALLER,
        "The upload took longer than the timeout.",
        "Use a faster connection, or raise [web] upload_seconds.",
    ),
    "no_room": CatalogueEntry(
        Fault.CALLER,
        "No uploads are accepted now: too many files are waiting, or a disk is full.",
        "Look at koa-worker status, and try again later.",
    ),
}
