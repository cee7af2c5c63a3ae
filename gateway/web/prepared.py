"""What a request asks, understood: which operation, with which variables, planned."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, NamedTuple

from graphql import GraphQLError

from schema.execution.documents import InvalidDocument
from schema.execution.lru import WeightedLRU

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gateway.web.persisted import PersistedDocuments
    from gateway.web.request import GraphQLRequest
    from schema.execution.plan import ExecutionPlan
    from schema.graph import Graph


class RequestError(Exception):
    """The document, or a variable, is refused: nothing will be executed."""

    def __init__(self, errors: Sequence[GraphQLError]) -> None:
        super().__init__()
        self.errors = errors


class PreparedRequest(NamedTuple):
    """One operation, planned; the same for everybody who asks the same, and for every time."""

    planned: ExecutionPlan
    request: GraphQLRequest


class PreparedRequests:
    """Understands requests; what was asked byte for byte before is understood already.

    What is remembered depends on nothing but the bytes: not on who asks, nor on what is known
    of the clients.
    """

    def __init__(self, graph: Graph, persisted: PersistedDocuments) -> None:
        self._graph = graph
        self._persisted = persisted
        self._latest: WeightedLRU[PreparedRequest] = WeightedLRU()

    @property
    def remembered(self) -> int:
        """Bytes of all that is remembered, with the documents behind it."""
        return self._latest.size

    def find(self, body: bytes) -> PreparedRequest | None:
        """What `body` asks, if that is remembered."""
        question = self._latest.find(body)
        if question is not None:
            self._persisted.register(question.request)
        return question

    def remember(self, body: bytes, question: PreparedRequest) -> None:
        """Remember what `body` asks, where it is a query with nothing wrong.

        What is wrong is found anew by each that asks; what is to be written is not ours to keep.
        """
        if question.planned.has_no_errors and not question.planned.writes:
            text = sys.getsizeof(question.request.query or "")
            self._latest.put(body, question, len(body) + text + question.planned.size)

    def prepare(self, request: GraphQLRequest) -> PreparedRequest:
        """Raises `RequestError`, and `BadRequest` for the hash of another text."""
        try:
            document = self._graph.documents.get(self._persisted.resolve(request))
            if isinstance(document, InvalidDocument):
                raise RequestError(document.errors)
            self._persisted.register(request)
            planned = self._graph.plan(document, request.variables, request.operation_name)
        except GraphQLError as error:
            raise RequestError((error,)) from None
        if isinstance(planned, list):
            raise RequestError(planned)
        return PreparedRequest(planned, request)
