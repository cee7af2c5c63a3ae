"""Transport errors, which say whether the request was never sent or may have been executed."""

from __future__ import annotations

import httpx


class InvalidRequest(httpx.ConnectError):
    """The request cannot be expressed in HTTP; it was not sent."""


class CertificateError(httpx.ConnectError):
    """The server's TLS certificate is not trusted; the request was not sent."""


class ResponseTooLarge(httpx.ReadError):
    """The response exceeds the size limit; the request may have been executed."""


def was_never_sent(error: BaseException) -> bool:
    """Return True if no byte of the request was sent; otherwise it may have been executed.

    Only in the first case may a request that is not idempotent be sent again (RFC 9110, section
    9.2.2).
    """
    return isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout)
