"""The GraphQL door: one request in, one answer with its receipt out (GraphQL over HTTP)."""

from __future__ import annotations

import time
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from graphql import ExecutionResult, GraphQLError, OperationType

from gateway.web.answers import Answer, kept_seconds, told
from gateway.web.body import ClientLeft, after, is_whole, too_large, whole_body
from gateway.web.errors import coded_error, errors_told, internal
from gateway.web.freshness import freshness_of
from gateway.web.hangups import when_hung_up
from gateway.web.head import HELD, Head
from gateway.web.negotiation import GRAPHQL, JSON
from gateway.web.requests import BadRequest, GraphQLRequest, request_in, request_of
from gateway.web.strict import Bounds
from schema.context import Context
from schema.documents import Refused
from schema.failures import RateLimited, Unauthenticated
from schema.operation import Operation

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from starlette.types import Receive, Scope, Send

    from gateway.web.callers import Callers
    from gateway.web.persisted import Persisted
    from gateway.web.repeats import Repeats
    from gateway.web.tracing import Trace
    from schema.documents import Document
    from schema.graph import Graph
    from schema.operation import Receipt
    from schema.source import ClientSource

DEADLINE = 10.0
"""Seconds one operation may take, everything included."""

_METHODS = "GET, HEAD, POST, OPTIONS"


class Answers(Protocol):
    """Remembers answers, encoded, for as long as they would be the same."""

    def basis(self, operation: Operation) -> Any:  # noqa: ANN401 - theirs alone
        """To be noted before an operation is executed."""

    def keep(self, operation: Operation, asked: bytes, data: object, basis: Any) -> None:  # noqa: ANN401
        """Remember an answer's data; it had no errors."""


Running = Coroutine[object, object, ExecutionResult]
"""An operation that is being executed."""


class _Refusal(Exception):
    """The document is refused."""

    def __init__(self, errors: Sequence[GraphQLError]) -> None:
        super().__init__()
        self.errors = errors


@dataclass(frozen=True, slots=True)
class Terms:
    """What the door takes, and how much of it."""

    persisted: Persisted
    body: int = 128 * 1024
    """Bytes of one request's body."""
    bounds: Bounds = field(default_factory=Bounds)
    in_flight: int = 256
    """Operations being answered together; one more is turned away."""
    fresh: float = 0.0
    """Seconds for which a client may keep what was read just now."""


class GraphQLDoor:
    """Answers /graphql."""

    def __init__(  # noqa: PLR0913 - the parts it is made of, by name
        self,
        graph: Graph,
        source: ClientSource,
        callers: Callers,
        terms: Terms,
        *,
        repeats: Repeats,
        answers: Answers | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._graph = graph
        self._source = source
        self._callers = callers
        self._terms = terms
        self._answers = answers
        self._repeats = repeats
        self._clock = clock
        self._in_flight = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One HTTP request (ASGI)."""
        extensions = scope.get("extensions")
        held = extensions[HELD]["request"] if extensions and HELD in extensions else None
        head, body = held or (Head(scope["headers"]), None)
        if held is None and scope["method"] == "POST":
            first = await receive()
            if first["type"] == "http.request" and is_whole(first, scope["headers"]):
                body = first["body"]
                reply = self._repeats.reply(head, body)
                if reply is not None:
                    await reply.send(scope, send)
                    return
            receive = after(first, receive)
        trace = head.trace()
        self._in_flight += 1
        try:
            answer = await self._answer(scope, receive, head, body, trace)
            answer.encode()
        except ClientLeft:
            return
        except BadRequest as bad:
            answer = _only("BAD_REQUEST", bad.message, trace, status=bad.status)
            if bad.allow is not None:
                answer.headers.append((b"allow", bad.allow.encode()))
        except Exception as bug:  # noqa: BLE001 - whatever it is, it is logged and masked
            answer = Answer({"errors": [internal(trace.request_id, bug)]}, status=500)
        finally:
            self._in_flight -= 1
        answer.headers += trace.headers()
        reply = answer.reply(head.media_type or JSON, head.text(b"if-none-match"))
        await reply.send(scope, send)

    async def _answer(
        self, scope: Scope, receive: Receive, head: Head, body: bytes | None, trace: Trace
    ) -> Answer:
        method = scope["method"]
        if self._in_flight > self._terms.in_flight:
            answer = _only("OVERLOADED", _BUSY, trace, status=503)
            answer.headers.append((b"retry-after", b"1"))
            return answer
        if method == "OPTIONS":
            return Answer({}, status=204, headers=[(b"allow", _METHODS.encode())])
        if head.media_type is None:
            raise BadRequest(406, f"Accept {GRAPHQL} or {JSON}.")
        if method == "POST":
            most = self._terms.body
            if body is None:
                body = await whole_body(receive, most)
            elif len(body) > most:
                raise too_large(most)
            request = request_in(body, head.content_type, self._terms.bounds)
            return await self._executed(request, head, trace, scope, body if head.plain else None)
        if method not in {"GET", "HEAD"}:
            raise BadRequest(405, "Send GraphQL operations with POST.", allow=_METHODS)
        request = request_of(scope["query_string"], head.headers, self._terms.bounds)
        if request.query is not None and not self._terms.persisted.knows(request.query):
            raise BadRequest(405, _ONLY_PERSISTED, allow="POST")
        return await self._executed(request, head, trace, scope)

    async def _executed(
        self,
        request: GraphQLRequest,
        head: Head,
        trace: Trace,
        scope: Scope,
        asked: bytes | None = None,
    ) -> Answer:
        """`asked`: the request, byte for byte, where its answer may be remembered."""
        # A GET executes only what changes nothing, and its answer may be kept.
        safe = scope["method"] != "POST"
        try:
            caller = head.caller(self._callers)
            document = self._understood(request)
            chosen = document.operation(request.operation_name)
        except Unauthenticated as failure:
            return _only(failure.code, failure.message, trace, status=401)
        except _Refusal as refused:
            return _refusal(refused.errors, trace)
        except GraphQLError as error:
            return _refusal((error,), trace)
        query = chosen.operation is OperationType.QUERY
        if safe and not query:
            raise BadRequest(405, "Send mutations with POST.", allow="POST")
        began = self._clock()
        operation = None
        if caller is not None:
            freshness = freshness_of(head.text(b"cache-control"))
            operation = Operation(caller, began + DEADLINE, freshness)
        context = Context(self._source, operation)
        name = chosen.name.value if chosen.name else None
        if request.explain:
            return self._explained(document, request.variables, name, context, trace)
        if query and operation is not None:
            when_hung_up(scope, operation.audience.leave)
        running = self._graph.run(
            document, variables=request.variables, operation_name=name, context=context
        )
        result = await self._remembered(running, operation if query else None, asked)
        when_hung_up(scope, None)
        if result.data is None and not any(error.path for error in result.errors or ()):
            return _refusal(result.errors or (), trace)
        answer = _result(result, None if operation is None else operation.receipt, trace)
        if safe and operation is not None and not result.errors:
            fresh = self._terms.fresh - (self._clock() - began)
            answer.kept = kept_seconds(operation.receipt, fresh)
        return answer

    def _remembered(
        self, running: Running, operation: Operation | None, asked: bytes | None
    ) -> Running:
        """What is running; a query's answer may then be remembered."""
        if self._answers is None or operation is None or asked is None:
            return running
        return _kept(self._answers, operation, asked, running)

    def _understood(self, request: GraphQLRequest) -> Document:
        """Raises `GraphQLError` or `_Refusal`."""
        document = self._graph.documents.understand(self._terms.persisted.text_of(request))
        if isinstance(document, Refused):
            raise _Refusal(document.errors)
        self._terms.persisted.keep(request)
        return document

    def _explained(
        self,
        document: Document,
        variables: dict[str, Any],
        name: str | None,
        context: Context,
        trace: Trace,
    ) -> Answer:
        """What the operation would cost; nothing is executed, so there is no data."""
        explanation = self._graph.explain(
            document, variables=variables, operation_name=name, context=context
        )
        if isinstance(explanation, list):
            return _refusal(explanation, trace)
        return Answer({"data": None, "extensions": {"upstream": explanation.told()}})


_BUSY = "The gateway is busy: ask again in a moment."
_ONLY_PERSISTED = "GET is for persisted operations: send this one with POST."


async def _kept(
    answers: Answers,
    operation: Operation,
    asked: bytes,
    running: Running,
) -> ExecutionResult:
    basis = answers.basis(operation)
    result = await running
    if not result.errors:
        answers.keep(operation, asked, result.data, basis)
    return result


def _only(code: str, message: str, trace: Trace, *, status: int) -> Answer:
    return Answer({"errors": [coded_error(code, message, trace.request_id)]}, status=status)


def _refusal(errors: Sequence[GraphQLError], trace: Trace) -> Answer:
    """A request error: nothing was executed (GraphQL, 7.1.2), so there is no `data`."""
    return Answer({"errors": errors_told(errors, trace.request_id)}, refused=True)


def _result(result: ExecutionResult, receipt: Receipt | None, trace: Trace) -> Answer:
    body: dict[str, Any] = {"data": result.data}
    answer = Answer(body)
    wait = (receipt.retry_after if receipt is not None else None) or 0
    if result.errors:
        body["errors"] = errors_told(result.errors, trace.request_id)
        for error in result.errors:
            if isinstance(error.original_error, RateLimited):
                wait = max(wait, error.original_error.retry_after)
    if wait:
        answer.headers.append((b"retry-after", b"%d" % wait))
    if receipt is not None:
        body["extensions"] = {"upstream": told(receipt)}
    return answer
