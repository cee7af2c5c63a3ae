"""Lightweight httpx.Request and httpx.Response subclasses for fully buffered bodies.

Attributes that few callers read are computed on first use.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import httpx

from gateway.transport.serializer import METHODS_WITH_CONTENT

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gateway.transport.serializer import HeaderBlock, RequestTarget

Field = tuple[bytes, bytes]
"""The name and the value of a header."""


class Headers(httpx.Headers):
    """Headers as received; httpx's own list is built on the first lookup."""

    def __init__(self, fields: Sequence[Field], by_name: dict[bytes, bytes] | None = None) -> None:
        """Keep `fields`; `by_name` has the same headers by lower-case name, if known."""
        self._fields = fields
        self._by_name = by_name
        self._encoding = None

    @property
    def by_name(self) -> dict[bytes, bytes] | None:
        """The headers by lower-case name; None if unknown or possibly changed."""
        return None if "_list" in self.__dict__ else self._by_name

    @cached_property
    def _list(self) -> list[tuple[bytes, bytes, bytes]]:  # type: ignore[override]
        return [(name, name.lower(), value) for name, value in self._fields]

    @property
    def raw(self) -> list[Field]:
        """The headers as received, including later changes."""
        return super().raw if "_list" in self.__dict__ else list(self._fields)


class Request(httpx.Request):
    """A request that is built in a tenth of httpx's time: no body encoding is looked for."""

    def __init__(
        self,
        method: str,
        url: RequestTarget,
        heading: HeaderBlock,
        extensions: Mapping[str, Any],
        content: bytes = b"",
    ) -> None:
        """Keep `url` without a copy; `method` is in capitals."""
        self.method = method
        self.url = url
        self.extensions = dict(extensions)
        self._heading = heading
        self._content = content

    @property
    def heading(self) -> HeaderBlock | None:
        """The headers other than those of the connection; None once `headers` was read."""
        return None if "headers" in self.__dict__ else self._heading

    @cached_property
    def headers(self) -> Headers:  # type: ignore[override]
        """All headers of the request."""
        fields = [(b"Host", self.url.netloc), *self._heading.fields]
        if self._content or self.method in METHODS_WITH_CONTENT:
            fields.append((b"Content-Length", b"%d" % len(self._content)))
        return Headers(fields)

    @cached_property
    def stream(self) -> httpx.ByteStream:  # type: ignore[override]
        """The content, for other transports."""
        return httpx.ByteStream(self._content)


class Response(httpx.Response):
    """A response whose body was read completely."""

    is_closed = is_stream_consumed = True
    default_encoding = "utf-8"
    next_request = None
    _num_bytes_downloaded = 0

    def __init__(
        self,
        status: int,
        fields: Sequence[Field],
        content: bytes,
        request: httpx.Request,
        by_name: dict[bytes, bytes] | None = None,
    ) -> None:
        """Keep `content` as it was sent, without decoding; for `by_name` see `Headers`."""
        self.status_code = status
        self.headers = Headers(fields, by_name)
        self.extensions = {}
        self.history = []
        self._content = content
        self._request = request

    @cached_property
    def stream(self) -> httpx.ByteStream:  # type: ignore[override]
        """The content, for other clients."""
        return httpx.ByteStream(self._content)
