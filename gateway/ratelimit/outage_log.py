"""Says in the log why the API does not answer, each reason once a minute."""

from __future__ import annotations

import logging
import math

import httpx

EVERY = 60.0
"""Seconds for which a reason that was logged is not logged again."""
MOST = 100
"""Reasons held apart."""

_log = logging.getLogger(__name__)


class OutageLog:
    """What an operator should read of the API's absence."""

    def __init__(self) -> None:
        self._logged: dict[str, float] = {}
        self._shut = False

    def ended(self, end: httpx.Response | BaseException, now: float) -> None:
        """A call ended at `now`, in monotonic seconds."""
        if isinstance(end, httpx.Response):
            if end.is_server_error:
                self._warn(f"the API answered {end.status_code}", now)
        elif isinstance(end, httpx.TransportError):
            self._warn(f"the API cannot be reached: {_reason(end)}", now)

    def breaker(self, seconds: float) -> None:
        """The API is not asked for so many `seconds`; 0: it is."""
        if bool(seconds) is not self._shut:
            self._shut = bool(seconds)
            if self._shut:
                _log.warning("the API only fails: it is not asked for %d s", math.ceil(seconds))
            else:
                _log.warning("the API is asked again")

    def _warn(self, reason: str, now: float) -> None:
        if now < self._logged.get(reason, -math.inf) + EVERY:
            return
        if len(self._logged) >= MOST:
            self._logged.clear()
        self._logged[reason] = now
        _log.warning("%s; for a minute this is not logged again", reason)


def _reason(error: httpx.TransportError) -> str:
    return str(error) or type(error).__name__
