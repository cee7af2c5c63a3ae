"""What a request asks, understood: which operation, with which variables, planned."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, NamedTuple

from graphql import GraphQLError

from schema.compiled.latest import Latest
from schema.documents import Refused

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gateway.web.persisted import Persisted
    from gateway.web.requests import GraphQLRequest
    from schema.compiled.planned import Planned
    from schema.graph import Graph


class Refusal(Exception):
    """The document, or a variable, is refused: nothing will be executed."""

    def __init__(self, errors: Sequence[GraphQLError]) -> None:
        super().__init__()
        self.errors = errors


class Question(NamedTuple):
    """One operation, planned; the same for everybody who asks the same, and for every time."""

    planned: Planned
    request: GraphQLRequest


class Questions:
    """Understands requests; what was asked byte for byte before is understood already.

    What is remembered depends on nothing but the bytes: not on who asks, nor on what is known
    of the clients.
    """

    def __init__(self, graph: Graph, persisted: Persisted) -> None:
        self._graph = graph
        self._persisted = persisted
        self._latest: Latest[Question] = Latest()

    @property
    def remembered(self) -> int:
        """Bytes of all that is remembered, with the documents behind it."""
        return self._latest.size

    def asked_before(self, body: bytes) -> Question | None:
        """What `body` asks, if that is remembered."""
        question = self._latest.find(body)
        if question is not None:
            self._persisted.keep(question.request)
        return question

    def remember(self, body: bytes, question: Question) -> None:
        """Remember what `body` asks, where it is a query with nothing wrong.

        What is wrong is found anew by each that asks; what is to be written is not ours to keep.
        """
        if question.planned.sound and not question.planned.writes:
            text = sys.getsizeof(question.request.query or "")
            self._latest.hold(body, question, len(body) + text + question.planned.size)

    def understand(self, request: GraphQLRequest) -> Question:
        """Raises `Refusal`, and `BadRequest` for the hash of another text."""
        try:
            document = self._graph.documents.understand(self._persisted.text_of(request))
            if isinstance(document, Refused):
                raise Refusal(document.errors)
            self._persisted.keep(request)
            planned = self._graph.plan(document, request.variables, request.operation_name)
        except GraphQLError as error:
            raise Refusal((error,)) from None
        if isinstance(planned, list):
            raise Refusal(planned)
        return Question(planned, request)
