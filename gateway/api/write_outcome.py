"""What is known of a write once it ended: the four outcomes, told apart in one place."""

from __future__ import annotations

from enum import Enum

import httpx

from gateway.api.error_envelope import succeeded
from gateway.api.failures import refused
from gateway.transport.errors import was_never_sent
from schema.source.errors import ClientError


class WriteOutcome(Enum):
    """Whether a write happened, as far as its end tells."""

    NEVER_SENT = "NEVER_SENT"
    """No byte of it left us."""
    REFUSED = "REFUSED"
    """The API said no: nothing was written."""
    ANSWERED = "ANSWERED"
    """The API said that it was done."""
    UNKNOWN = "UNKNOWN"
    """It may have happened."""


SendResult = httpx.Response | httpx.TransportError | ClientError
"""How sending ended: answered, broken off, or not begun for want of budget."""


def classify(end: SendResult) -> WriteOutcome:
    """What `end` says about the write.

    Only the API's own error envelope with a documented status is a refusal. A 408 or 5xx may come
    after the deed, a redirect may be its acknowledgement (RFC 9110, 15.4.4), and what is not the
    API's envelope came from something else, whatever its status.
    """
    if isinstance(end, httpx.Response):
        if succeeded(end):
            return WriteOutcome.ANSWERED
        return WriteOutcome.REFUSED if refused(end) else WriteOutcome.UNKNOWN
    if isinstance(end, ClientError) or was_never_sent(end):
        return WriteOutcome.NEVER_SENT
    return WriteOutcome.UNKNOWN
