"""The log of requests: one line each."""

import logging

from gateway.telemetry.observation import (
    ObservedOperation,
    ObservedRequest,
    Reply,
    StoredReplyRecorder,
)

LONGEST_NAME = 100
"""Characters of an operation's name that are logged."""
HASH_DIGITS = 32
"""Digits of a document's hash that are logged; 64 of them could be a key, and would be hidden."""
_log = logging.getLogger("gateway.access")


class AccessLog:
    """Logs each request with its cost; the line has no document, variable or credential."""

    def __init__(self) -> None:
        _log.setLevel(logging.INFO)

    def record(self, request: ObservedRequest) -> None:
        """Log one request."""
        operation, reply, receipt, codes, seconds = request
        oldest = None if receipt is None else receipt.oldest_seconds
        fields = {
            "requestId": _request_id(reply),
            "operation": None if operation.name is None else operation.name[:LONGEST_NAME],
            "hash": None if operation.hash is None else operation.hash[:HASH_DIGITS],
            "status": reply.status,
            "codes": list(codes),
            "ms": round(seconds * 1000, 2),
            "calls": 0 if receipt is None else receipt.calls,
            "saved": 0 if receipt is None else receipt.saved,
            "ageSeconds": None if oldest is None else round(oldest),
            "bytes": len(reply.content),
        }
        _log.info("request", extra={"fields": fields})

    def stored(self, operation: ObservedOperation) -> StoredReplyRecorder:
        """Return what logs a request of this operation that a stored response answered."""
        return lambda reply, receipt, seconds: self.record(
            ObservedRequest(operation, reply, receipt, (), seconds)
        )


def _request_id(reply: Reply) -> str | None:
    found = (value for name, value in reply.extra_headers if name == b"x-request-id")
    return next(found, b"").decode() or None
