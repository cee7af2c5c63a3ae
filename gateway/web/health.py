"""Liveness and readiness checks; they make no upstream calls."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import orjson

from gateway.shared_budget import SharedBudget
from gateway.web.protocol.cors import Cors
from gateway.web.protocol.head import RequestHead
from gateway.web.protocol.http_response import (
    COMMON_HEADERS,
    VARY_ORIGIN,
    HTTPResponse,
    content_type,
)
from gateway.web.protocol.negotiation import JSON
from gateway.web.refusals import error_response
from schema.source.request_context import RateLimitState

LIVENESS, READINESS = "/livez", "/readyz"
PATHS = frozenset({LIVENESS, READINESS})
_READS = frozenset({"GET", "HEAD"})
_ALIVE = b'{"status":"alive"}'
_PLAIN = [*COMMON_HEADERS, VARY_ORIGIN, (b"content-type", JSON.encode())]
_REFUSED = [*COMMON_HEADERS, VARY_ORIGIN, content_type(JSON), (b"allow", b"GET, HEAD")]


class Readiness:
    """Whether the gateway has started and does not stop."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self.ready = False
        self._left: float | None = None

    def leave(self) -> None:
        """Be ready no more, because the gateway stops."""
        self.ready = False
        self._left = self._clock()

    @property
    def stopping_for(self) -> float:
        """Return the seconds since the last `leave`."""
        return 0.0 if self._left is None else self._clock() - self._left


@dataclass(eq=False, repr=False)
class Health:
    """Answers requests to /livez and /readyz."""

    _readiness: Readiness
    _budget: Callable[[], RateLimitState]
    _cors: Cors
    _shared: SharedBudget | None = None
    _more: Callable[[], Mapping[str, object]] = dict
    """Returns what else is reported."""

    def reply(self, method: str, path: str, head: RequestHead) -> HTTPResponse:
        """Return the response to a request to one of `PATHS`."""
        trace = head.trace()
        own = trace.headers() + self._cors.headers(head.origin)
        if method not in _READS:
            content = error_response(405, "Method Not Allowed.", trace).content
            return HTTPResponse(405, None, [*_REFUSED, *own], content)
        if path == LIVENESS:
            return HTTPResponse(200, None, [*_PLAIN, *own], _ALIVE)
        return HTTPResponse(
            200 if self._readiness.ready else 503, None, [*_PLAIN, *own], self._state()
        )

    def _state(self) -> bytes:
        window = self._budget()
        budget: dict[str, int | bool] = {
            "limit": window.limit,
            "remaining": window.remaining,
            "resetSeconds": window.reset_seconds,
        }
        if self._shared is not None:
            budget["sharedReachable"] = self._shared.is_reachable
        status = "ready" if self._readiness.ready else "not ready"
        return orjson.dumps({"status": status, "budget": budget, **self._more()})
