"""What a request's headers say of its answer, read once for all that come with the same."""

from __future__ import annotations

from collections import defaultdict
from copy import copy
from typing import TYPE_CHECKING

from gateway.web.protocol.cache_control import parse_cache_control
from gateway.web.protocol.negotiation import JSON, Coding, answer_coding, negotiate
from gateway.web.protocol.tracing import trace_from

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gateway.web.authentication import Authenticator
    from gateway.web.protocol.tracing import Trace
    from schema.source.request_context import Caller

MAX_VALUE_BYTES = 1_024
"""Bytes of a header that are read: one that is longer is taken as not sent."""
MAX_ETAG_BYTES = 4_096
"""The same of If-None-Match, which lists what a client holds."""


class RequestHead:
    """The headers, their names in lower case; one without a value counts as not sent."""

    __slots__ = (
        "_caller",
        "accept",
        "coding",
        "content_type",
        "freshness",
        "headers",
        "is_simple",
        "media_type",
    )

    def __init__(self, headers: Iterable[tuple[bytes, bytes]]) -> None:
        said: dict[bytes, list[bytes]] = defaultdict(list)
        for name, value in headers:
            if value:
                said[name].append(value)
        self.headers = said
        self.accept = self._text(b"accept")
        self.media_type = negotiate(self.accept)
        """The media type to answer in, None where the client takes none of ours."""
        self.coding = answer_coding(self._text(b"accept-encoding"))
        """How the answer's content may be encoded."""
        self.content_type = self._text(b"content-type")
        self.freshness = parse_cache_control(self._text(b"cache-control"))
        """How old an answer may be."""
        self.is_simple = (
            self.content_type == JSON
            and self.media_type is not None
            and self.coding is not Coding.NONE
            and b"cache-control" not in said
            and b"content-encoding" not in said
        )
        """Whether it is asked in the plainest way: any other is not looked up."""
        self._caller: list[Caller | None] = []

    def repeated(self, changed: Iterable[tuple[bytes, bytes]]) -> RequestHead:
        """The head of a request that differs from this one's in these headers alone.

        They are of those that say nothing of an answer but its names.
        """
        head: RequestHead = copy(self)
        head.headers = self.headers.copy()
        renewed = defaultdict[bytes, list[bytes]](list)
        for name, value in changed:
            renewed[name.lower()].append(value)
        head.headers.update(renewed)
        return head

    @property
    def origin(self) -> bytes | None:
        """The origin of the page that asks; None where none, or more than one, is named."""
        return self.first(b"origin", only=True)

    @property
    def content_encoding(self) -> str | None:
        """The codings of the content; what is cut off here is none that is known."""
        values = self.headers.get(b"content-encoding")
        return b", ".join(values)[:MAX_VALUE_BYTES].decode("latin-1") if values else None

    @property
    def if_none_match(self) -> str | None:
        """The entity tags that the client holds."""
        return self._text(b"if-none-match", MAX_ETAG_BYTES)

    def first(self, name: bytes, *, only: bool = False) -> bytes | None:
        """The first value of one header; with `only`, the value of one that came once."""
        values = self.headers.get(name)
        if not values or len(values[0]) > MAX_VALUE_BYTES or (only and len(values) > 1):
            return None
        return values[0]

    def _text(self, name: bytes, most: int = MAX_VALUE_BYTES) -> str | None:
        """All values of one header; None where it did not come or is too long to be read."""
        values = self.headers.get(name)
        if values is None:
            return None
        value = values[0] if len(values) == 1 else b", ".join(values)
        return value.decode("latin-1") if len(value) <= most else None

    def trace(self) -> Trace:
        """The names of one more request."""
        return trace_from(self.headers)

    def caller(self, callers: Authenticator) -> Caller | None:
        """Who asks, or None when no credential came. Raises `Unauthenticated` for a bad one."""
        if self._caller:
            [known] = self._caller
            return None if known is None else callers.admitted(known)
        caller = callers.authenticate(self.headers)
        if callers.is_cacheable(self.headers):
            self._caller.append(caller)
        return caller
