"""The interface of transports, which start a request without waiting for its response."""

import abc
import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from gateway.transport.errors import ConnectTimeout, PoolTimeout, TransportError
from gateway.transport.messages import Request, Response


class Transport(abc.ABC):
    """Sends each request once."""

    @abc.abstractmethod
    def send(self, request: Request[Any]) -> asyncio.Future[Response]:
        """Send a request; return the future of its response, without waiting. Never raises.

        The future fails with a `TransportError`, which says whether the request was sent.
        """

    @abc.abstractmethod
    async def aclose(self) -> None:
        """Wait for the requests in flight, each within its own limit, then close."""


@dataclass(frozen=True, slots=True)
class TransportLimits:
    """The limits of a transport; times are in seconds, and may be infinite."""

    max_in_flight: int = 40
    """Concurrent requests, including those of cancelled callers; more are refused."""
    attempt_seconds: float = 3.0
    connect_seconds: float = 1.0
    body_bytes: int = 5 * 1024 * 1024
    head_bytes: int = 64 * 1024


DEFAULT_LIMITS = TransportLimits()


class LimitedTransport(Transport):
    """A transport that refuses what exceeds its limits; the caller must not cancel a future."""

    def __init__(self, limits: TransportLimits, clock: Callable[[], float]) -> None:
        self._limits = limits
        self._clock = clock
        self._in_flight: set[asyncio.Future[Response]] = set()
        self._closed = False

    @property
    def in_flight(self) -> int:
        """The number of requests in flight, including those of cancelled callers."""
        return len(self._in_flight)

    def send(self, request: Request[Any]) -> asyncio.Future[Response]:
        """Send `request` once, without waiting; the caller must not cancel the future."""
        try:
            response = self._start(request, self._seconds(request))
        except TransportError as error:
            response = asyncio.get_running_loop().create_future()
            response.set_exception(error)
        else:
            self._in_flight.add(response)
        return response

    async def aclose(self) -> None:
        """Refuse further requests, and wait for those in flight."""
        self._closed = True
        if self._in_flight:
            await asyncio.wait(self._in_flight, timeout=self._limits.attempt_seconds + 1)

    @abc.abstractmethod
    def _start(self, request: Request[Any], seconds: float) -> asyncio.Future[Response]:
        """Send `request`; remove the future from `_in_flight` when it is done."""

    def _seconds(self, request: Request[Any]) -> float:
        """Return the seconds that the request may take. Raises an error if it may not be sent."""
        if self._closed or len(self._in_flight) >= self._limits.max_in_flight:
            raise PoolTimeout("no connection is free")
        seconds = min(self._limits.attempt_seconds, request.deadline - self._clock())
        if seconds <= 0:
            raise ConnectTimeout("the deadline passed before sending")
        return seconds
