"""Questions asked before, byte for byte: answered at once, without an operation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from gateway.web.answers import repeated
from gateway.web.negotiation import JSON, answer_type
from gateway.web.reply import Reply
from gateway.web.tracing import trace_of
from schema.failures import Unauthenticated

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

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


class Asker:
    """Whoever sends POSTs with the same headers. `said` are those that an answer depends on."""

    def __init__(
        self,
        answers: Answers,
        callers: Callers,
        said: Mapping[bytes, tuple[bytes]],
        media_type: str,
    ) -> None:
        """Raises `Unauthenticated`."""
        self._answers = answers
        self._callers = callers
        self._said = said
        self._media_type = media_type
        self._caller = callers.of(said)
        self._lasting = callers.lasting(said)

    def reply(self, body: bytes) -> Reply | None:
        """The answer to `body`, if it is known."""
        caller = self._caller
        if not self._lasting:
            try:
                caller = self._callers.of(self._said)
            except Unauthenticated:
                return None
        again = None if caller is None else self._answers.find(caller, body)
        if again is None:
            return None
        names = trace_of(self._said).headers()
        return Reply(200, self._media_type, names, repeated(*again))


class Repeats:
    """Answers what would be answered as before, and leaves everything else to the door."""

    def __init__(self, answers: Answers, callers: Callers) -> None:
        self._answers = answers
        self._callers = callers

    def asker(self, headers: Iterable[tuple[bytes, bytes]]) -> Asker | None:
        """Who asks with a POST of these headers, their names in lower case, in the plainest way.

        None for whoever asks in any other: their answers are not looked up.
        """
        said: dict[bytes, tuple[bytes]] = {}
        for name, value in headers:
            if name in _READ:
                if name in said:
                    return None
                said[name] = (value,)
        if said.get(b"content-type") != _PLAIN or b"cache-control" in said:
            return None
        accept = said.get(b"accept")
        media_type = answer_type(accept[0].decode("latin-1")) if accept else JSON
        if media_type is None:
            return None
        try:
            return Asker(self._answers, self._callers, said, media_type)
        except Unauthenticated:
            return None
