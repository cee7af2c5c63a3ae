"""Transport errors, which say whether the request was never sent or may have been executed."""


class TransportError(Exception):
    """No complete response arrived."""


class NeverSent(TransportError):
    """No byte of the request was sent."""


class MaybeSent(TransportError):
    """The request may have been executed."""


class InvalidRequest(NeverSent):
    """The request cannot be expressed in HTTP."""


class ConnectError(NeverSent):
    """No connection could be opened."""


class CertificateError(ConnectError):
    """The server's TLS certificate is not trusted."""


class ConnectTimeout(NeverSent):
    """No connection was open in time."""


class PoolTimeout(NeverSent):
    """As many requests as are allowed are in flight, or the transport is closed."""


class ReadError(MaybeSent):
    """The connection was closed before the response was complete."""


class ReadTimeout(MaybeSent):
    """The response was not complete in time."""


class RemoteProtocolError(MaybeSent):
    """The response is not valid HTTP."""


class ResponseTooLarge(MaybeSent):
    """The response exceeds the size limit."""


TIMEOUTS = (ConnectTimeout, PoolTimeout, ReadTimeout)
"""Errors that mean that time ran out."""


def was_never_sent(error: BaseException) -> bool:
    """Return True if no byte of the request was sent; otherwise it may have been executed.

    Only in the first case may a request that is not idempotent be sent again (RFC 9110, section
    9.2.2).
    """
    return isinstance(error, NeverSent)
