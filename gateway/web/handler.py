"""The GraphQL handler: one request in, one response with its receipt out (GraphQL over HTTP)."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import orjson
from graphql import ExecutionResult

from gateway.web.authentication import Authenticator
from gateway.web.error_format import masked_error
from gateway.web.persisted import PersistedDocuments
from gateway.web.prepared import PreparedRequest, PreparedRequests, RequestError
from gateway.web.protocol.content import BadRequest, decode, json_problem, too_large
from gateway.web.protocol.cors import Cors
from gateway.web.protocol.event_stream import EventStream
from gateway.web.protocol.head import RequestHead
from gateway.web.protocol.http_response import GZIPPED, HTTPResponse
from gateway.web.protocol.negotiation import EVENT_STREAM, GRAPHQL, JSON, Coding
from gateway.web.protocol.strict_json import JSONLimits
from gateway.web.protocol.tracing import Trace
from gateway.web.request import HTTPRequest, parse_get, parse_post
from gateway.web.response import (
    GraphQLResponse,
    StoredResponses,
    encode_cached,
    execution_response,
    max_age_of,
    refusal_response,
    request_error_response,
)
from gateway.web.streaming.opening import Subscriptions, open_stream, rate_of, single_event
from schema.context import Context
from schema.graph import Graph
from schema.source.errors import Unauthenticated
from schema.source.protocols import ClientSource
from schema.source.request_context import Caller, Receipt, RequestContext

DEADLINE = 10.0
"""Seconds that one operation may take, upstream calls and waits included."""

CHALLENGE = (b"www-authenticate", b'Bearer realm="clients-gateway"')
"""The challenge of a 401 (RFC 9110, 11.6.1); X-API-Key is not a registered scheme."""

ALLOWED = (b"allow", b"GET, HEAD, POST, OPTIONS")
_METHODS = [ALLOWED]
_POST = [(b"allow", b"POST")]


@dataclass(frozen=True, slots=True)
class HandlerConfig:
    """Limits on requests and operations, and the accepted documents."""

    persisted: PersistedDocuments
    body: int = 128 * 1024
    """Largest request body, in bytes."""
    bounds: JSONLimits = field(default_factory=JSONLimits)
    in_flight: int = 256
    """Requests answered at the same time; any more get a 503."""
    fresh: float = 0.0
    """Seconds for which a client may cache data that was read from the API just now."""


class GraphQLHandler:
    """Answers GraphQL requests, independently of the server that received them."""

    def __init__(  # noqa: PLR0913 - all collaborators
        self,
        graph: Graph,
        source: ClientSource,
        callers: Authenticator,
        terms: HandlerConfig,
        subscriptions: Subscriptions,
        *,
        answers: StoredResponses | None = None,
        cors: Cors | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._graph = graph
        self._source = source
        self._callers = callers
        self._terms = terms
        self._responses = answers
        self._cors = cors or Cors()
        self._prepared = PreparedRequests(graph, terms.persisted)
        self._clock = clock
        self._subscriptions = subscriptions
        self._in_flight = 0
        self.stored_receipt = Receipt()
        """The receipt of the stored response that was sent last."""

    def trust(self, documents: Mapping[str, str]) -> None:
        """Replace the trusted documents at once, and discard what was prepared from the old."""
        self._terms.persisted.trust(documents)
        self._prepared = PreparedRequests(self._graph, self._terms.persisted)
        if self._responses is not None:
            self._responses.discard()

    def cached(self, head: RequestHead, body: bytes) -> HTTPResponse | None:
        """Return the stored response to a POST; None if it must be executed."""
        if self._responses is None or head.media_type is None or not head.is_simple:
            return None
        try:
            caller = head.caller(self._callers)
        except Unauthenticated:
            return None  # `reply` sends the 401
        stored = None if caller is None else self._responses.find(caller, body)
        if stored is None:
            return None
        self.stored_receipt = stored[1]
        own = head.trace().headers() + self._cors.headers(head.origin)
        content, compressed = encode_cached(*stored, head.coding)
        if compressed:
            own.append(GZIPPED)
        return HTTPResponse(200, head.media_type, own, content)

    async def reply(self, asking: HTTPRequest) -> HTTPResponse | EventStream:
        """Return the response to a request that has been fully received."""
        head = asking.head
        trace = head.trace()
        self._in_flight += 1
        try:
            answer = await self._answer(asking, trace)
            answer.encode()
        except RequestError as refused:
            answer = refusal_response(refused.errors, trace.request_id)
        except Unauthenticated as failure:
            answer = request_error_response(
                failure.code, failure.message, trace.request_id, status=401
            )
            answer.headers.append(CHALLENGE)
        except BadRequest as bad:
            answer = request_error_response(
                "BAD_REQUEST", bad.message, trace.request_id, status=bad.status
            )
            answer.headers += bad.own
        except Exception as bug:  # noqa: BLE001 - every bug is logged and masked
            answer = GraphQLResponse({"errors": [masked_error(trace.request_id, bug)]}, status=500)
        finally:
            self._in_flight -= 1
        asking.errors = answer.body.get("errors", ())
        answer.headers += trace.headers() + self._cors.headers(head.origin)
        if answer.opens is not None:
            return answer.opens(answer.headers, trace.request_id)
        if head.media_type is None and head.stream == EVENT_STREAM and answer.is_event:
            return single_event(answer.encode(), answer.headers)
        return answer.reply(head.media_type or JSON, head.if_none_match).encoded(head.coding)

    async def _answer(self, asking: HTTPRequest, trace: Trace) -> GraphQLResponse:
        head, method = asking.head, asking.method
        if self._in_flight > self._terms.in_flight:
            answer = request_error_response("OVERLOADED", _OVERLOADED, trace.request_id, status=503)
            answer.headers.append((b"retry-after", b"1"))
            return answer
        if method == "OPTIONS":
            return GraphQLResponse({}, status=204, headers=list(_METHODS))
        if head.media_type is None and head.stream is None:
            raise BadRequest(406, f"Accept {GRAPHQL} or {JSON}.")
        if head.coding is Coding.NONE:
            raise BadRequest(406, "Accept-Encoding must leave identity or gzip.")
        caller, question = self._identify_and_prepare(asking)
        asking.question = question
        began = self._clock()
        operation = None
        if caller is not None:
            operation = RequestContext(caller, began + DEADLINE, head.freshness)
            asking.operation = operation
        if question.request.explain:
            return self._explained(question, operation, trace)
        if question.planned.changes is not None:
            opens = open_stream(question.planned, head, caller, self._subscriptions)
            return GraphQLResponse({}, opens=opens)
        result = await self._executed(asking, question, operation)
        if result.data is None and not any(error.path for error in result.errors or ()):
            return refusal_response(result.errors or (), trace.request_id)
        answer = execution_response(
            result, None if operation is None else operation.receipt, trace.request_id
        )
        # Clients may cache only responses to GET and HEAD.
        if method != "POST" and operation is not None and not result.errors:
            fresh = self._terms.fresh - (self._clock() - began)
            answer.max_age = max_age_of(operation.receipt, fresh)
        return answer

    async def _executed(
        self, asking: HTTPRequest, question: PreparedRequest, operation: RequestContext | None
    ) -> ExecutionResult:
        running = self._graph.run(question.planned, Context(self._source, operation))
        if operation is None or question.planned.writes:
            return await running
        if asking.on_disconnect is not None:
            asking.on_disconnect(operation.waiters.leave)
        # Only a simple POST is looked up by the bytes of its body, so only its response is stored.
        answers = self._responses if asking.body is not None and asking.head.is_simple else None
        basis = None if answers is None else answers.basis(operation)
        result = await running
        if answers is not None and asking.body is not None and not result.errors:
            encoded = orjson.dumps(result.data)
            answers.keep(operation, asking.body, encoded, basis)
            result.data = cast("Any", orjson.Fragment(encoded))  # not to be encoded again
        if asking.on_disconnect is not None:
            asking.on_disconnect(None)
        return result

    def _identify_and_prepare(self, asking: HTTPRequest) -> tuple[Caller | None, PreparedRequest]:
        """Return both; raises `BadRequest`, `Unauthenticated` or `RequestError`."""
        head, body = asking.head, asking.body
        if asking.method == "POST" and body is not None:
            if len(body) > self._terms.body:
                raise too_large(self._terms.body)
            question = self._prepared.find(body) if head.is_simple else None
            if question is not None:
                return head.caller(self._callers), question
            body = decode(body, head.content_encoding, self._terms.body)
            request = parse_post(body, head.content_type, self._terms.bounds)
            caller = head.caller(self._callers)
            question = self._prepared.prepare(request)
            if head.is_simple:
                self._prepared.remember(body, question)
            return caller, question
        if asking.method not in {"GET", "HEAD"}:
            raise BadRequest(405, "Send GraphQL operations with POST.", own=_METHODS)
        if head.first(b"upgrade") is not None and not asking.query_string:
            raise BadRequest(400, _NO_UPGRADE)
        typed = json_problem(head.content_type) is None
        request = parse_get(asking.query_string, head.headers, self._terms.bounds, typed=typed)
        text = request.query
        is_sent = text is not None and not self._terms.persisted.is_persisted(text)
        if is_sent and head.stream is None:
            raise BadRequest(405, _ONLY_PERSISTED, own=_POST)
        caller = head.caller(self._callers)
        question = self._prepared.prepare(request)
        if is_sent and question.planned.changes is None:  # routers send subscriptions so
            raise BadRequest(405, _ONLY_PERSISTED, own=_POST)
        # GET is a safe method (RFC 9110, 9.2.1): it must not execute a mutation.
        if question.planned.writes:
            raise BadRequest(405, "Send mutations with POST.", own=_POST)
        return caller, question

    def _explained(
        self, question: PreparedRequest, operation: RequestContext | None, trace: Trace
    ) -> GraphQLResponse:
        """Return the estimated cost of the operation without executing it; `data` is null."""
        shown = self._graph.explain(question.planned, Context(self._source, operation))
        if isinstance(shown, list):
            return refusal_response(shown, trace.request_id)
        shown["explain"] |= rate_of(question.planned, self._subscriptions)
        return GraphQLResponse({"data": None, "extensions": {"upstream": shown}})


_NO_UPGRADE = "The only upgrade of a connection is to WebSocket, with graphql-transport-ws."
_OVERLOADED = "The gateway is busy: ask again in a moment."
_ONLY_PERSISTED = "GET is for persisted operations: send this one with POST."
