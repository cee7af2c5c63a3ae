"""What is recorded of an answered request, and by whom."""

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from schema.source.request_context import Receipt

OTHER = "other"
"""The label of every operation whose document is not trusted."""


class ObservedOperation(NamedTuple):
    """The operation of a request."""

    label: str
    """Its name if its document is trusted, else `other`."""
    name: str | None = None
    """Its name, which any client may choose."""
    hash: str | None = None
    """The SHA-256 of its document."""
    kind: str | None = None
    """`query` or `mutation`."""

    @property
    def is_trusted(self) -> bool:
        """Return True if its document is trusted, so that its name is no client's choice."""
        return self.label != OTHER


class Reply(Protocol):
    """The response to a request."""

    @property
    def status(self) -> int:
        """The HTTP status."""

    @property
    def extra_headers(self) -> Sequence[tuple[bytes, bytes]]:
        """The header fields, X-Request-Id among them."""

    @property
    def content(self) -> bytes:
        """The content, as sent."""


class ObservedRequest(NamedTuple):
    """A request and its response."""

    operation: ObservedOperation
    reply: Reply
    receipt: Receipt | None
    codes: Sequence[str]
    """The codes of its errors."""
    seconds: float
    """The time that it took."""


StoredReplyRecorder = Callable[[Reply, Receipt, float], None]
"""Records a reply, its receipt and the seconds that it took."""


class RequestObserver(Protocol):
    """Records answered requests."""

    def record(self, request: ObservedRequest) -> None:
        """Record one that was executed or refused."""

    def stored(self, operation: ObservedOperation) -> StoredReplyRecorder:
        """Return what records a request of this operation that a stored response answered."""
