"""Questions asked before, byte for byte: answered at once, without an operation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from gateway.web.answers import repeated
from gateway.web.negotiation import JSON, answer_type
from gateway.web.reply import Reply
from gateway.web.tracing import trace_of
from schema.failures import Unauthenticated

if TYPE_CHECKING:
    from collections.abc import Iterable

    from starlette.types import Scope

    from gateway.web.callers import Callers
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
        return Reply(200, media_type, trace_of(said).headers(), repeated(*again))
