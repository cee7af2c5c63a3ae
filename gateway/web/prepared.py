"""Requests prepared for execution: parsed, validated, their variables read, and planned."""

import sys
from collections.abc import Sequence
from typing import NamedTuple

from graphql import GraphQLError

from gateway.web.persisted import PersistedDocuments
from gateway.web.request import GraphQLRequest
from schema.execution.documents import InvalidDocument
from schema.execution.lru import WeightedLRU
from schema.execution.plan import ExecutionPlan
from schema.graph import Graph


class RequestError(Exception):
    """The document or a variable is invalid or refused: nothing is executed (GraphQL, 7.1.2)."""

    def __init__(self, errors: Sequence[GraphQLError]) -> None:
        super().__init__()
        self.errors = errors


class PreparedRequest(NamedTuple):
    """One planned operation; it is independent of the caller and of the time."""

    planned: ExecutionPlan
    request: GraphQLRequest


class PreparedRequests:
    """Prepares requests, and caches them by the bytes of their bodies.

    A cached request depends only on those bytes, not on the caller or on cached client data.
    """

    def __init__(self, graph: Graph, persisted: PersistedDocuments) -> None:
        self._graph = graph
        self._persisted = persisted
        self.latest: WeightedLRU[PreparedRequest] = WeightedLRU()

    def find(self, body: bytes) -> PreparedRequest | None:
        """Return the prepared request for `body`; None if it is not cached."""
        question = self.latest.find(body)
        if question is not None:
            self._persisted.register(question.request)
        return question

    def remember(self, body: bytes, question: PreparedRequest) -> None:
        """Cache the prepared request for `body` if it is a query without errors.

        Invalid requests are validated again each time. Mutations are not cached: the data that
        they write must not stay in memory.
        """
        if question.planned.has_no_errors and not question.planned.writes:
            planned = question.planned
            own = len(body) + sys.getsizeof(question.request.query or "") + planned.size
            self.latest.put(body, question, own, planned.shared)

    def prepare(self, request: GraphQLRequest) -> PreparedRequest:
        """Prepare `request`. Raises `RequestError`, or `BadRequest` for a wrong hash."""
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
