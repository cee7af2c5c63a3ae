"""What of a caller goes upstream: its credential, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from schema.source.errors import Unauthenticated

if TYPE_CHECKING:
    from schema.source.request_context import Caller


def auth_header(caller: Caller) -> tuple[bytes, bytes]:
    """The one header by which the API knows the caller.

    Raises `Unauthenticated` for a value that no header can carry (RFC 9110, 5.5); it is
    quoted nowhere.
    """
    credential = caller.credential
    if not (credential.value.isascii() and credential.value.isprintable()):
        raise Unauthenticated("The credential holds characters that no header can carry.")
    return credential.header.encode(), credential.value.encode()
