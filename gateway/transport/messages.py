"""Requests and responses with buffered bodies."""

from collections.abc import Sequence
from typing import Generic, TypeVar

from gateway.transport.serializer import Field, HeaderBlock, RequestTarget

Context = TypeVar("Context")

_SUCCESS, _REDIRECTION, _SERVER_ERROR, _END = 200, 300, 500, 600


class Headers:
    """The headers of a response."""

    __slots__ = ("by_name", "fields")

    def __init__(self, fields: Sequence[Field], by_name: dict[bytes, bytes] | None = None) -> None:
        """Keep `fields`, whose names are in lower case.

        `by_name` has the same headers; None if a name is repeated.
        """
        self.fields = fields
        self.by_name = by_name

    def get(self, name: str, default: str = "") -> str:
        """Return the values of a header, joined by commas (RFC 9110, 5.3); `name` in lower case."""
        wanted = name.encode()
        values = [value.decode("latin-1") for each, value in self.fields if each == wanted]
        return ", ".join(values) if values else default


class Request(Generic[Context]):
    """A request, with the time by which its response must be complete."""

    __slots__ = ("content", "context", "deadline", "headers", "method", "target")

    def __init__(  # noqa: PLR0913, PLR0917 - built for every call: by position is faster
        self,
        method: str,
        target: RequestTarget,
        headers: HeaderBlock,
        deadline: float,
        context: Context,
        content: bytes = b"",
    ) -> None:
        """Keep the parts. `deadline`: seconds on the transport's clock. `method`: in capitals.

        `context` is the caller's own; no transport reads it.
        """
        self.method = method
        self.target = target
        self.headers = headers
        self.deadline = deadline
        self.context = context
        self.content = content


class Response:
    """A complete response; its content is as it was sent, without decoding."""

    __slots__ = ("content", "headers", "status_code")

    def __init__(self, status_code: int, headers: Headers, content: bytes) -> None:
        self.status_code = status_code
        self.headers = headers
        self.content = content

    def __repr__(self) -> str:
        return f"Response({self.status_code})"  # the rest is about a caller's clients

    @property
    def is_success(self) -> bool:
        """Return True if the status is 2xx (RFC 9110, 15.3)."""
        return _SUCCESS <= self.status_code < _REDIRECTION

    @property
    def is_server_error(self) -> bool:
        """Return True if the status is 5xx (RFC 9110, 15.6)."""
        return _SERVER_ERROR <= self.status_code < _END
