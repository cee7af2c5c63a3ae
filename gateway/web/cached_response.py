"""Questions asked before, byte for byte: answered at once, without an operation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from gateway.web.protocol.http_response import GZIPPED, HTTPResponse
from gateway.web.response import encode_cached
from schema.source.errors import Unauthenticated

if TYPE_CHECKING:
    from gateway.gzipped import CompressibleData
    from gateway.web.authentication import Authenticator
    from gateway.web.protocol.cors import Cors
    from gateway.web.protocol.head import RequestHead
    from schema.source.request_context import Caller, Receipt


class ResponseLookup(Protocol):
    """Answers remembered, encoded, for as long as they would be the same."""

    def find(self, caller: Caller, asked: bytes) -> tuple[CompressibleData, Receipt] | None:
        """The data to answer `asked` with, encoded, and the receipt of telling it again."""


class CachedResponses:
    """Answers what would be answered as before, and leaves everything else to the door."""

    def __init__(self, answers: ResponseLookup | None, callers: Authenticator, cors: Cors) -> None:
        """Without `answers`, nothing is known."""
        self._answers = answers
        self._callers = callers
        self._cors = cors

    def reply(self, head: RequestHead, body: bytes) -> HTTPResponse | None:
        """The answer to a POST, if that is known."""
        if self._answers is None or head.media_type is None or not head.is_simple:
            return None
        try:
            caller = head.caller(self._callers)
        except Unauthenticated:
            return None  # told where all are
        again = None if caller is None else self._answers.find(caller, body)
        if again is None:
            return None
        own = head.trace().headers() + self._cors.headers(head.origin)
        content, compressed = encode_cached(*again, head.coding)
        if compressed:
            own.append(GZIPPED)
        return HTTPResponse(200, head.media_type, own, content)
