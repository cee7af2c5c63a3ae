"""What a request's headers say of its answer, read once for all that come with the same."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from gateway.web.freshness import freshness_of
from gateway.web.negotiation import JSON, answer_type
from gateway.web.tracing import trace_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gateway.web.callers import Callers
    from gateway.web.tracing import Trace
    from schema.operation import Caller


class Head:
    """The headers, their names in lower case."""

    __slots__ = (
        "_caller",
        "content_type",
        "freshness",
        "headers",
        "if_none_match",
        "media_type",
        "plain",
    )

    def __init__(self, headers: Iterable[tuple[bytes, bytes]]) -> None:
        said: dict[bytes, list[bytes]] = defaultdict(list)
        for name, value in headers:
            said[name].append(value)
        self.headers = said
        self.media_type = answer_type(self._text(b"accept"))
        """The media type to answer in, None where the client takes none of ours."""
        self.content_type = self._text(b"content-type")
        self.freshness = freshness_of(self._text(b"cache-control"))
        """How old an answer may be."""
        self.if_none_match = self._text(b"if-none-match")
        self.plain = (
            self.content_type == JSON
            and self.media_type is not None
            and b"cache-control" not in said
        )
        """Whether it is asked in the plainest way: any other is not looked up."""
        self._caller: list[Caller | None] = []

    def _text(self, name: bytes) -> str | None:
        """All values of one header, None where it did not come."""
        values = self.headers.get(name)
        return b", ".join(values).decode("latin-1") if values else None

    def trace(self) -> Trace:
        """The names of one more request."""
        return trace_of(self.headers)

    def caller(self, callers: Callers) -> Caller | None:
        """Who asks, or None when no credential came. Raises `Unauthenticated` for a bad one."""
        if self._caller:
            return self._caller[0]
        caller = callers.of(self.headers)
        if callers.lasting(self.headers):
            self._caller.append(caller)
        return caller
