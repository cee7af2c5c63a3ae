"""Requests and answers whose bodies are here already, made without what httpx makes beforehand.

They are httpx's own to everybody who asks; what few ask for is made when it is asked for.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import httpx

from gateway.upstream.written import DESCRIBED

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gateway.upstream.written import Address, Heading

Field = tuple[bytes, bytes]
"""A header's name and value."""


class Fields(httpx.Headers):
    """Headers kept as they came; httpx's own list of them is made for who looks one up."""

    def __init__(self, fields: Sequence[Field], told: dict[bytes, bytes] | None = None) -> None:
        """`told`: the same by their names in small letters, for whoever has them so already."""
        self._fields = fields
        self._told = told
        self._encoding = None

    @property
    def told(self) -> dict[bytes, bytes] | None:
        """The headers by their names in small letters, where that is known without a look."""
        return None if "_list" in self.__dict__ else self._told

    @cached_property
    def _list(self) -> list[tuple[bytes, bytes, bytes]]:  # type: ignore[override]
        return [(name, name.lower(), value) for name, value in self._fields]

    @property
    def raw(self) -> list[Field]:
        """The headers as they came, with whatever was changed since."""
        return super().raw if "_list" in self.__dict__ else list(self._fields)


class Asked(httpx.Request):
    """A request; made in a tenth of the time that looking for a body to describe takes httpx."""

    def __init__(
        self,
        method: str,
        url: Address,
        heading: Heading,
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
    def heading(self) -> Heading | None:
        """Its headers but for those of the connection, while nobody can have changed them."""
        return None if "headers" in self.__dict__ else self._heading

    @cached_property
    def headers(self) -> Fields:  # type: ignore[override]
        """All of its headers."""
        described = [(b"Host", self.url.netloc), *self._heading.fields]
        if self._content or self.method in DESCRIBED:
            described.append((b"Content-Length", b"%d" % len(self._content)))
        return Fields(described)

    @cached_property
    def stream(self) -> httpx.ByteStream:  # type: ignore[override]
        """The content, for a transport that is not ours."""
        return httpx.ByteStream(self._content)


class Whole(httpx.Response):
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
        """`content` as it was sent: nothing is decoded. `told`: see `Fields`."""
        self.status_code = status
        self.headers = Fields(fields, told)
        self.extensions = {}
        self.history = []
        self._content = content
        self._request = request

    @cached_property
    def stream(self) -> httpx.ByteStream:  # type: ignore[override]
        """The content, for a client that is not ours."""
        return httpx.ByteStream(self._content)
