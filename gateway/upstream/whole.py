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

    from gateway.upstream.written import Address

Field = tuple[bytes, bytes]
"""A header's name and value."""


class Fields(httpx.Headers):
    """Headers kept as they came; httpx's own list of them is made for who looks one up."""

    def __init__(self, fields: Sequence[Field]) -> None:
        self._fields = fields
        self._encoding = None

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
        fields: Sequence[Field],
        extensions: Mapping[str, Any],
        content: bytes = b"",
    ) -> None:
        """`method` in capitals; `url` is kept as it is, not copied."""
        described = [(b"Host", url.place), *fields]
        if content or method in DESCRIBED:
            described.append((b"Content-Length", b"%d" % len(content)))
        self.method = method
        self.url = url
        self.headers = Fields(described)
        self.extensions = dict(extensions)
        self.stream = httpx.ByteStream(content)
        self._content = content


class Whole(httpx.Response):
    """An answer read whole."""

    is_closed = is_stream_consumed = True
    default_encoding = "utf-8"
    next_request = None
    _num_bytes_downloaded = 0

    def __init__(
        self, status: int, fields: Sequence[Field], content: bytes, request: httpx.Request
    ) -> None:
        """`content` as it was sent: nothing is decoded."""
        self.status_code = status
        self.headers = Fields(fields)
        self.extensions = {}
        self.history = []
        self.stream = httpx.ByteStream(content)
        self._content = content
        self._request = request
