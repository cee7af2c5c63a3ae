"""What is known of a write once it ended: the four outcomes, told apart in one place."""

from __future__ import annotations

from enum import Enum

import httpx

from gateway.upstream.envelope import succeeded
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

    Only 4xx is a refusal: a 5xx may come after the deed, a redirect may be its acknowledgement
    (RFC 9110, 15.4.4), and a 2xx that is not the API's own success came from somebody else.
    """
    if isinstance(end, httpx.Response):
        if succeeded(end):
            return Outcome.ANSWERED
        return Outcome.REFUSED if end.is_client_error else Outcome.UNKNOWN
    if isinstance(end, Failure) or never_sent(end):
        return Outcome.NEVER_SENT
    return Outcome.UNKNOWN
