"""What is known of a write once it ended: the four outcomes, told apart in one place."""

from __future__ import annotations

from enum import Enum

import httpx

from gateway.upstream.api_error import succeeded
from gateway.upstream.failures import refused
from gateway.upstream.outcome import never_sent
from schema.failures import Failure


class Outcome(Enum):
    """Whether a write happened, as far as its end tells."""

    NEVER_SENT = "NEVER_SENT"
    """No byte of it left us."""
    REFUSED = "REFUSED"
    """The API said no: nothing was written."""
    ANSWERED = "ANSWERED"
    """The API said that it was done."""
    UNKNOWN = "UNKNOWN"
    """It may have happened."""


End = httpx.Response | httpx.TransportError | Failure
"""How sending ended: answered, broken off, or not begun for want of budget."""


def outcome_of(end: End) -> Outcome:
    """What `end` says about the write.

    Only the API's own error envelope with a documented status is a refusal. A 408 or 5xx may come
    after the deed, a redirect may be its acknowledgement (RFC 9110, 15.4.4), and what is not the
    API's envelope came from something else, whatever its status.
    """
    if isinstance(end, httpx.Response):
        if succeeded(end):
            return Outcome.ANSWERED
        return Outcome.REFUSED if refused(end) else Outcome.UNKNOWN
    if isinstance(end, Failure) or never_sent(end):
        return Outcome.NEVER_SENT
    return Outcome.UNKNOWN
