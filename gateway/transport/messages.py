"""Requests and responses with buffered bodies."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from gateway.transport.serializer import Field, HeaderBlock, RequestTarget

Context = TypeVar("Context")

_SUCCESS, _REDIRECTION, _SERVER_ERROR, _END = 200, 300, 500, 600


@dataclass(slots=True, eq=False)
class Headers:
    """The headers of a response."""

    fields: Sequence[Field]
    """Names in lower case, and values."""
    by_name: dict[bytes, bytes] | None = None
    """The same headers; None if a name is repeated."""

    def get(self, name: str, default: str = "") -> str:
        """Return the values of a header, joined by commas (RFC 9110, 5.3); `name` in lower case."""
        wanted = name.encode()
        values = [value.decode("latin-1") for each, value in self.fields if each == wanted]
        return ", ".join(values) if values else default


@dataclass(slots=True, eq=False)
class Request(Generic[Context]):
    """A request, with the time by which its response must be complete."""

    method: str
    """In capitals."""
    target: RequestTarget
    headers: HeaderBlock
    deadline: float
    """Seconds on the transport's clock."""
    context: Context
    """The caller's own; no transport reads it."""
    content: bytes = b""


@dataclass(slots=True, eq=False)
class Response:
    """A complete response; its content is as it was sent, without decoding."""

    status_code: int
    headers: Headers = field(repr=False)  # what is not shown is about a caller's clients
    content: bytes = field(repr=False)

    @property
    def is_success(self) -> bool:
        """Return True if the status is 2xx (RFC 9110, 15.3)."""
        return _SUCCESS <= self.status_code < _REDIRECTION

    @property
    def is_server_error(self) -> bool:
        """Return True if the status is 5xx (RFC 9110, 15.6)."""
        return _SERVER_ERROR <= self.status_code < _END
