"""Parsed request headers, reusable for later requests that have the same headers."""

from collections import defaultdict
from collections.abc import Iterable, Mapping

from gateway.web.authentication import Authenticator
from gateway.web.protocol.cache_control import parse_cache_control
from gateway.web.protocol.negotiation import (
    JSON,
    Coding,
    answer_coding,
    negotiate,
    negotiate_stream,
)
from gateway.web.protocol.tracing import Trace, trace_from
from schema.source.request_context import Caller

MAX_VALUE_BYTES = 1_024
"""Longest header value that is read, in bytes; a longer one counts as not sent."""
CREDENTIALS = b"x-api-key", b"authorization", b"x-gateway-token"
"""Names of the headers that decide who the caller is."""
MAX_ETAG_BYTES = 4_096
"""Longest If-None-Match that is read, in bytes; it may list many entity tags."""


class RequestHead:
    """The headers by lower-case name; a header with an empty value counts as not sent."""

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
        values_by_name: dict[bytes, list[bytes]] = defaultdict(list)
        for name, value in headers:
            if value:
                values_by_name[name].append(value)
        self.headers = values_by_name
        self.accept = self._text(b"accept")
        self.media_type = negotiate(self.accept)
        """The media type of the response; None if the client accepts none that is supported."""
        self.coding = answer_coding(self._text(b"accept-encoding"))
        """The content coding that the client accepts for the response."""
        self.content_type = self._text(b"content-type")
        self.freshness = parse_cache_control(self._text(b"cache-control"))
        """The Cache-Control directives: how old the data of the response may be."""
        self.is_simple = (
            self.content_type == JSON
            and self.media_type is not None
            and self.coding is not Coding.NONE
            and b"cache-control" not in values_by_name
            and b"content-encoding" not in values_by_name
        )
        """True if stored responses may answer the request without further checks of its headers."""
        self._caller: list[Caller | None] = []

    def with_headers(
        self, own: Iterable[tuple[bytes, bytes]], last: "RequestHead | None"
    ) -> "RequestHead":
        """Return a head that has the headers `own`, too: credentials, origin and trace ids.

        Their names are in lower case, and differ. The caller of `last` is the caller of the new
        head if their credentials are equal.
        """
        head = object.__new__(RequestHead)  # twice as fast as `copy`
        head.accept, head.media_type, head.coding = self.accept, self.media_type, self.coding
        head.content_type, head.freshness = self.content_type, self.freshness
        head.is_simple = self.is_simple
        head.headers = headers = self.headers.copy()
        for name, value in own:
            if value:
                headers[name] = [value]
        head._caller = [] if last is None else last.known_caller(headers)
        return head

    def known_caller(self, headers: Mapping[bytes, list[bytes]]) -> "list[Caller | None]":
        """Return the list for the caller: that of this head if `headers` have its credentials."""
        key, token, proof = CREDENTIALS
        mine = self.headers.get
        same = (
            mine(key) == headers.get(key)
            and mine(token) == headers.get(token)
            and mine(proof) == headers.get(proof)
        )
        return self._caller if same else []

    @property
    def origin(self) -> bytes | None:
        """Return the origin of the calling page; None unless exactly one is named."""
        return self.first(b"origin", only=True)

    @property
    def stream(self) -> str | None:
        """Return the media type for the events of a subscription; None if none is accepted."""
        return negotiate_stream(self.accept)

    @property
    def content_encoding(self) -> str | None:
        """Return the content codings, truncated to `MAX_VALUE_BYTES`: still refused as unknown."""
        values = self.headers.get(b"content-encoding")
        return b", ".join(values)[:MAX_VALUE_BYTES].decode("latin-1") if values else None

    @property
    def if_none_match(self) -> str | None:
        """Return the entity tags of the responses that the client has cached."""
        return self._text(b"if-none-match", MAX_ETAG_BYTES)

    def first(self, name: bytes, *, only: bool = False) -> bytes | None:
        """Return the first value of a header; with `only`, None if the header was repeated."""
        values = self.headers.get(name)
        if not values or len(values[0]) > MAX_VALUE_BYTES or (only and len(values) > 1):
            return None
        return values[0]

    def _text(self, name: bytes, most: int = MAX_VALUE_BYTES) -> str | None:
        """Return all values of a header, joined; None if it was not sent or is too long."""
        values = self.headers.get(name)
        if values is None:
            return None
        value = values[0] if len(values) == 1 else b", ".join(values)
        return value.decode("latin-1") if len(value) <= most else None

    def trace(self) -> Trace:
        """Return the trace of a request with these headers; each call makes new identifiers."""
        return trace_from(self.headers)

    def caller(self, callers: Authenticator) -> Caller | None:
        """Return the caller; None without a credential. Raises `Unauthenticated` for a bad one."""
        if self._caller:
            [known] = self._caller
            return None if known is None else callers.admitted(known)
        caller = callers.authenticate(self.headers)
        if callers.is_cacheable(self.headers):
            self._caller.append(caller)
        return caller
