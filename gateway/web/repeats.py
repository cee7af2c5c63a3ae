"""Questions asked before, byte for byte: answered at once, without an operation."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple, Protocol

from gateway.web.answers import common, length, repeated
from gateway.web.negotiation import JSON, answer_type
from gateway.web.tracing import trace_of
from schema.failures import Unauthenticated

if TYPE_CHECKING:
    from collections.abc import Iterable

    from starlette.types import Scope, Send

    from gateway.web.callers import Callers
    from gateway.web.tracing import Trace
    from schema.operation import Caller, Receipt

ASKED = "gateway.asked"
"""ASGI extension: the server has looked here already for what it passes on."""
_READ = frozenset(
    {
        b"accept",
        b"authorization",
        b"cache-control",
        b"content-type",
        b"traceparent",
        b"x-api-key",
        b"x-gateway-token",
        b"x-request-id",
    }
)
"""The headers that the answer to a POST may depend on."""
_PLAIN = (JSON.encode(),)


class Answers(Protocol):
    """Answers remembered, encoded, for as long as they would be the same."""

    def find(self, caller: Caller, asked: bytes) -> tuple[bytes, Receipt] | None:
        """The data to answer `asked` with, encoded, and the receipt of telling it again."""


class Reply(NamedTuple):
    """A whole answer, 200."""

    media_type: str
    trace: Trace
    content: bytes

    async def send(self, send: Send) -> None:
        """Say it (ASGI)."""
        headers = [*common(self.media_type), *self.trace.headers(), length(self.content)]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": self.content})

    def http1(self, more: bytes) -> bytes:
        """The same as it goes over a connection, with `more` lines of headers (RFC 9112)."""
        own = b"".join([b"%b: %b\r\n" % header for header in self.trace.headers()])
        return b"HTTP/1.1 200 OK\r\n%b%b%bcontent-length: %d\r\n\r\n%b" % (
            more,
            _lines(self.media_type),
            own,
            len(self.content),
            self.content,
        )


@lru_cache(8)
def _lines(media_type: str) -> bytes:
    return b"".join(b"%b: %b\r\n" % header for header in common(media_type))


def asked_already(scope: Scope) -> bool:
    """Whether the server has looked for this request's answer already."""
    return ASKED in (scope.get("extensions") or ())


class Repeats:
    """Answers what would be answered as before, and leaves everything else to the door."""

    def __init__(self, answers: Answers, callers: Callers) -> None:
        self._answers = answers
        self._callers = callers

    def reply(self, headers: Iterable[tuple[bytes, bytes]], body: bytes) -> Reply | None:
        """The answer to a POST, if that is known. Names of headers are in lower case."""
        said: dict[bytes, tuple[bytes]] = {}
        for name, value in headers:
            if name in _READ:
                if name in said:
                    return None
                said[name] = (value,)
        # What is not asked in the plainest way is not looked up.
        if said.get(b"content-type") != _PLAIN or b"cache-control" in said:
            return None
        accept = said.get(b"accept")
        media_type = answer_type(accept[0].decode("latin-1")) if accept else JSON
        if media_type is None:
            return None
        try:
            caller = self._callers.of(said)
        except Unauthenticated:
            return None
        again = None if caller is None else self._answers.find(caller, body)
        if again is None:
            return None
        return Reply(media_type, trace_of(said), repeated(*again))
