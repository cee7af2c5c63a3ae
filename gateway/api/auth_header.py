"""The request header that carries the caller's credential to the API, and nothing else of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from schema.source.errors import Unauthenticated

if TYPE_CHECKING:
    from schema.source.request_context import Caller


def auth_header(caller: Caller) -> tuple[bytes, bytes]:
    """Return the header that authenticates the caller to the API.

    Raises `Unauthenticated` if the value is not a valid header value (RFC 9110, 5.5). The
    value is never quoted in an error.
    """
    credential = caller.credential
    if not (credential.value.isascii() and credential.value.isprintable()):
        raise Unauthenticated("The credential holds characters that no header can carry.")
    return credential.header.encode(), credential.value.encode()
