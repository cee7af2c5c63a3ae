"""Log why the API does not respond, each reason once a minute."""

import logging
import math

from gateway.transport.errors import TransportError
from gateway.transport.messages import Response

EVERY = 60.0
"""Seconds for which a logged reason is not logged again."""
MOST = 100
"""The number of reasons remembered."""

_log = logging.getLogger(__name__)


class OutageLog:
    """The log of the API's outages, for operators."""

    def __init__(self) -> None:
        self._logged: dict[str, float] = {}
        self._open = False

    def ended(self, end: Response | BaseException, now: float) -> None:
        """Log the end of a call at `now`, in monotonic seconds, if it was an outage."""
        if isinstance(end, Response):
            if end.is_server_error:
                self._warn(f"the API answered {end.status_code}", now)
        elif isinstance(end, TransportError):
            self._warn(f"the API cannot be reached: {str(end) or type(end).__name__}", now)

    def breaker(self, seconds: float) -> None:
        """Log that the circuit breaker is open for `seconds`; 0: that it is closed."""
        if bool(seconds) is not self._open:
            self._open = bool(seconds)
            if self._open:
                _log.warning("the API only fails: calls are suspended for %d s", math.ceil(seconds))
            else:
                _log.warning("calls to the API are resumed")

    def _warn(self, reason: str, now: float) -> None:
        if now < self._logged.get(reason, -math.inf) + EVERY:
            return
        if len(self._logged) >= MOST:
            self._logged.clear()
        self._logged[reason] = now
        _log.warning("%s (logged at most once a minute)", reason)
