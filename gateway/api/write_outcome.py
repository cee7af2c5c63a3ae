"""The four possible outcomes of a write, and the function that classifies its end."""

from enum import Enum

from gateway.api.error_envelope import succeeded
from gateway.api.failures import refused
from gateway.transport.errors import TransportError, was_never_sent
from gateway.transport.messages import Response
from schema.source.errors import ClientError


class WriteOutcome(Enum):
    """Whether a write was carried out, as far as is known."""

    NEVER_SENT = "NEVER_SENT"
    """No byte of the request was sent."""
    REFUSED = "REFUSED"
    """The API rejected the write: nothing was written."""
    ANSWERED = "ANSWERED"
    """The API confirmed the write."""
    UNKNOWN = "UNKNOWN"
    """The write may have been carried out."""


SendResult = Response | TransportError | ClientError
"""How sending ended: a response, a transport error, or a refusal before it was sent."""


def classify(end: SendResult) -> WriteOutcome:
    """Classify the outcome of a write by how sending it ended.

    Only the API's own error envelope with a documented status is a rejection. A 408 or 5xx may
    follow a write that was carried out, a redirect may confirm it (RFC 9110, 15.4.4), and any
    other body was written by an intermediary, whatever its status.
    """
    if isinstance(end, Response):
        if succeeded(end):
            return WriteOutcome.ANSWERED
        return WriteOutcome.REFUSED if refused(end) else WriteOutcome.UNKNOWN
    if isinstance(end, ClientError) or was_never_sent(end):
        return WriteOutcome.NEVER_SENT
    return WriteOutcome.UNKNOWN
