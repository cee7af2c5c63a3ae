"""What is known of a request that got no answer: it never left us, or it may have been done."""

from __future__ import annotations

import httpx


class InvalidRequest(httpx.ConnectError):
    """No HTTP request can be made of this one; it never left us."""


class CertificateError(httpx.ConnectError):
    """The other side could not prove who it is (TLS); the request never left us."""


class ResponseTooLarge(httpx.ReadError):
    """The answer is larger than we read; it was cut off, and the request may have been done."""


def was_never_sent(error: BaseException) -> bool:
    """Whether `error` says that no byte of the request left us. Any other error says: maybe sent.

    Only then may a request that is not safe to repeat be sent again (RFC 9110, section 9.2.2).
    """
    return isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout)
