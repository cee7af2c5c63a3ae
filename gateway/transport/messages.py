"""Requests and answers whose bodies are here already, made without what httpx makes beforehand.

They are httpx's own to everybody who asks; what few ask for is made when it is asked for.
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
"""A header's name and value."""


class Headers(httpx.Headers):
    """Headers kept as they came; httpx's own list of them is made for who looks one up."""

    def __init__(self, fields: Sequence[Field], told: dict[bytes, bytes] | None = None) -> None:
        """`told`: the same by their names in small letters, for whoever has them so already."""
        self._fields = fields
        self._by_name = told
        self._encoding = None

    @property
    def by_name(self) -> dict[bytes, bytes] | None:
        """The headers by their names in small letters, where that is known without a look."""
        return None if "_list" in self.__dict__ else self._by_name

    @cached_property
    def _list(self) -> list[tuple[bytes, bytes, bytes]]:  # type: ignore[override]
        return [(name, name.lower(), value) for name, value in self._fields]

    @property
    def raw(self) -> list[Field]:
        """The headers as they came, with whatever was changed since."""
        return super().raw if "_list" in self.__dict__ else list(self._fields)


class Request(httpx.Request):
    """A request; made in a tenth of the time that looking for a body to describe takes httpx."""

    def __init__(
        self,
        method: str,
        url: RequestTarget,
        heading: HeaderBlock,
        extensions: Mapping[str, Any],
        content: bytes = b"",
    ) -> None:
        """`method` in capitals; `url` is kept as it is, not copied."""
        self.method = method
        self.url = url
        self.extensions = dict(extensions)
        self._heading = heading
        self._content = content

    @property
    def heading(self) -> HeaderBlock | None:
        """Its headers but for those of the connection, while nobody can have changed them."""
        return None if "headers" in self.__dict__ else self._heading

    @cached_property
    def headers(self) -> Headers:  # type: ignore[override]
        """All of its headers."""
        described = [(b"Host", self.url.netloc), *self._heading.fields]
        if self._content or self.method in METHODS_WITH_CONTENT:
            described.append((b"Content-Length", b"%d" % len(self._content)))
        return Headers(described)

    @cached_property
    def stream(self) -> httpx.ByteStream:  # type: ignore[override]
        """The content, for a transport that is not ours."""
        return httpx.ByteStream(self._content)


class Response(httpx.Response):
    """An answer read whole."""

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
        told: dict[bytes, bytes] | None = None,
    ) -> None:
        """`content` as it was sent: nothing is decoded. `told`: see `Headers`."""
        self.status_code = status
        self.headers = Headers(fields, told)
        self.extensions = {}
        self.history = []
        self._content = content
        self._request = request

    @cached_property
    def stream(self) -> httpx.ByteStream:  # type: ignore[override]
        """The content, for a client that is not ours."""
        return httpx.ByteStream(self._content)
