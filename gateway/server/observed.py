"""A GraphQL handler whose answered requests are recorded, for metrics and the access log."""

import hashlib
from collections.abc import Mapping, Sequence
from time import perf_counter

from gateway.telemetry.observation import (
    OTHER,
    ObservedOperation,
    ObservedRequest,
    Reply,
    RequestObserver,
    StoredReplyRecorder,
)
from gateway.web.handler import GraphQLHandler
from gateway.web.persisted import PersistedDocuments
from gateway.web.protocol.event_stream import EventStream
from gateway.web.protocol.head import RequestHead
from gateway.web.protocol.http_response import HTTPResponse
from gateway.web.request import GraphQLRequest, HTTPRequest
from schema.execution.plan import ExecutionPlan
from schema.source.request_context import Receipt

MAX_BYTES = 8 * 1024 * 1024
"""Bytes of the request bodies whose operations are remembered."""
_ENTRY = 600
"""Bytes of an entry beside the body."""
MAX_LABELS = 200
"""Names of trusted operations that are labels; more can be named only by reloads of their file."""
UNKNOWN = ObservedOperation(OTHER)
"""The operation of a request without a valid document."""


class ObservedHandler:
    """Answers by `inner`, and has each answered request recorded."""

    def __init__(
        self,
        inner: GraphQLHandler,
        persisted: PersistedDocuments,
        observers: Sequence[RequestObserver],
    ) -> None:
        self._inner = inner
        self._cached = inner.cached
        self._persisted = persisted
        self._observers = tuple(observers)
        self._recorders: dict[bytes, StoredReplyRecorder] = {}
        """By the body of a request that a stored response may answer."""
        self._held = 0
        self._labels: set[str] = set()

    def trust(self, documents: Mapping[str, str]) -> None:
        """Replace the trusted documents, and forget which operations were trusted."""
        self._inner.trust(documents)
        self._recorders, self._held = {}, 0

    def cached(self, head: RequestHead, body: bytes) -> HTTPResponse | None:
        """Return the stored response to a POST; None if it must be executed.

        It is executed too if its operation is not known: the response is the same.
        """
        record = self._recorders.get(body)
        if record is None:
            return None
        began = perf_counter()
        reply = self._cached(head, body)
        if reply is not None:
            record(reply, self._inner.stored_receipt, perf_counter() - began)
        return reply

    async def reply(self, asking: HTTPRequest) -> HTTPResponse | EventStream:
        """Return the response."""
        began = perf_counter()
        reply = await self._inner.reply(asking)
        operation, seconds = self._operation(asking), perf_counter() - began
        receipt = None if asking.operation is None else asking.operation.receipt
        codes = [error["extensions"]["code"] for error in asking.errors]
        answered = ObservedRequest(operation, reply, receipt, codes, seconds)
        for each in self._observers:
            each.record(answered)
        return reply

    def _operation(self, asking: HTTPRequest) -> ObservedOperation:
        """Return the operation of an answered request, and remember it by the body."""
        question, body = asking.question, asking.body
        if question is None:
            return UNKNOWN
        operation = self._described(question)
        if asking.head.is_simple and body is not None and not question[0].writes:
            self._remember(body, operation)
        return operation

    def _remember(self, body: bytes, operation: ObservedOperation) -> None:
        if body in self._recorders:
            return
        self._recorders[body] = _together([each.stored(operation) for each in self._observers])
        self._held += len(body) + _ENTRY
        while self._held > MAX_BYTES:
            oldest = next(iter(self._recorders))
            del self._recorders[oldest]
            self._held -= len(oldest) + _ENTRY

    def _described(self, question: tuple[ExecutionPlan, GraphQLRequest]) -> ObservedOperation:
        planned, request = question
        label = UNKNOWN.label
        if self._persisted.is_trusted(request):
            label = self._label(planned.name or "anonymous")
        sha256 = request.sha256 or request.document_id
        if request.query is not None:
            sha256 = hashlib.sha256(request.query.encode()).hexdigest()
        kind = planned.operation.node.operation.value
        return ObservedOperation(label, planned.name, sha256, kind)

    def _label(self, name: str) -> str:
        if len(self._labels) < MAX_LABELS:
            self._labels.add(name)
        return name if name in self._labels else UNKNOWN.label


def _together(recorders: Sequence[StoredReplyRecorder]) -> StoredReplyRecorder:
    """Return what calls each of them; one is returned as it is, for speed."""
    if len(recorders) == 1:
        return recorders[0]

    def record(reply: Reply, receipt: Receipt, seconds: float) -> None:
        for each in recorders:
            each(reply, receipt, seconds)

    return record
