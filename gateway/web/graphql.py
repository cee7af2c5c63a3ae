"""The GraphQL door: one POST in, one answer with its receipt out (GraphQL over HTTP)."""

from __future__ import annotations

import logging
import time
from collections import defaultdict
from typing import TYPE_CHECKING, Any

import orjson
from graphql import ExecutionResult, GraphQLError

from gateway.web.freshness import freshness_of
from gateway.web.negotiation import GRAPHQL, JSON, answer_type, wants_page
from gateway.web.requests import BadRequest, GraphQLRequest, request_in
from schema.context import Context
from schema.documents import Refused
from schema.failures import RateLimited, Unauthenticated
from schema.operation import Operation
from schema.problems import coded, is_unexpected, shown

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from starlette.types import ASGIApp, Receive, Scope, Send

    from gateway.web.callers import Callers
    from schema.graph import Graph
    from schema.operation import Receipt
    from schema.source import ClientSource

MAX_BODY = 128 * 1024
"""Bytes of one request's body."""
LINGER = 1024 * 1024
"""Bytes that a body too large is read on for, so that its sender hears of it."""
DEADLINE = 10.0
"""Seconds one operation may take, everything included."""
MAX_ERRORS = 10
"""Errors told in one answer."""

_UNEXPECTED = "Something went wrong in the gateway. It has been logged."
_log = logging.getLogger(__name__)


class ClientLeft(Exception):
    """The client went away before its request had arrived."""


class GraphQLDoor:
    """Answers /graphql. `page` is what a browser's GET gets, if anything."""

    def __init__(
        self,
        graph: Graph,
        source: ClientSource,
        callers: Callers,
        *,
        page: ASGIApp | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._graph = graph
        self._source = source
        self._callers = callers
        self._page = page
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One HTTP request (ASGI)."""
        headers: dict[bytes, list[bytes]] = defaultdict(list)
        for name, value in scope["headers"]:
            headers[name].append(value)
        accept = _text(headers, b"accept")
        method = scope["method"]
        if self._page is not None and method in {"GET", "HEAD"} and wants_page(accept):
            await self._page(scope, receive, send)
            return
        media_type = answer_type(accept)
        try:
            if media_type is None:
                raise BadRequest(406, f"Accept {GRAPHQL} or {JSON}.")
            if method != "POST":
                raise BadRequest(405, "Send GraphQL operations with POST.")
            body = await _body(receive)
            request = request_in(body, _text(headers, b"content-type"))
            answer = await self._answer(request, headers)
        except BadRequest as bad:
            answer = _Answer(
                {"errors": [{"message": bad.message, "extensions": {"code": "BAD_REQUEST"}}]},
                status=bad.status,
            )
        except ClientLeft:
            return
        await answer.send(send, media_type or JSON)

    async def _answer(
        self, request: GraphQLRequest, headers: Mapping[bytes, Sequence[bytes]]
    ) -> _Answer:
        try:
            caller = self._callers.of(headers)
        except Unauthenticated as failure:
            error = {"message": failure.message, "extensions": coded(failure)}
            return _Answer({"errors": [error]}, status=401)
        document = self._graph.documents.understand(request.query)
        if isinstance(document, Refused):
            return self._refusal(document.errors)
        try:
            chosen = document.operation(request.operation_name)
        except GraphQLError as error:
            return self._refusal((error,))
        operation = None
        if caller is not None:
            operation = Operation(
                caller,
                self._clock() + DEADLINE,
                freshness_of(_text(headers, b"cache-control")),
            )
        result = await self._graph.run(
            document,
            variables=request.variables,
            operation_name=chosen.name.value if chosen.name else None,
            context=Context(self._source, operation),
        )
        if result.data is None and not any(error.path for error in result.errors or ()):
            return self._refusal(tuple(result.errors or ()))
        return self._executed(result, None if operation is None else operation.receipt)

    def _refusal(self, errors: Sequence[GraphQLError]) -> _Answer:
        """A request error: nothing was executed (GraphQL, 7.1.2), so there is no `data`."""
        return _Answer({"errors": self._shown(errors)}, refused=True)

    def _executed(self, result: ExecutionResult, receipt: Receipt | None) -> _Answer:
        answer: dict[str, Any] = {"data": result.data}
        retry_after = None
        if result.errors:
            answer["errors"] = self._shown(result.errors)
            retry_after = max(
                (
                    cause.retry_after
                    for cause in (error.original_error for error in result.errors)
                    if isinstance(cause, RateLimited)
                ),
                default=None,
            )
        if receipt is not None:
            answer["extensions"] = {"upstream": told(receipt)}
        return _Answer(answer, retry_after=retry_after)

    def _shown(self, errors: Sequence[GraphQLError]) -> list[dict[str, Any]]:
        for error in errors:
            if is_unexpected(error):
                _log.error("%s failed", error.path, exc_info=error.original_error)
        return [shown(error, unexpected=_UNEXPECTED) for error in errors[:MAX_ERRORS]]


class _Answer:
    """An answer's body and what HTTP should say about it."""

    def __init__(
        self,
        body: dict[str, Any],
        *,
        status: int = 200,
        refused: bool = False,
        retry_after: int | None = None,
    ) -> None:
        self._body = body
        self._status = status
        self._refused = refused
        self._retry_after = retry_after

    async def send(self, send: Send, media_type: str) -> None:
        """Say it. A request error is 400 only in the media type that is GraphQL's own."""
        body = orjson.dumps(self._body)
        status = 400 if self._refused and media_type == GRAPHQL else self._status
        headers = [
            (b"content-type", f"{media_type}; charset=utf-8".encode()),
            (b"content-length", str(len(body)).encode()),
            (b"cache-control", b"no-store"),
            (b"x-content-type-options", b"nosniff"),
        ]
        if status == 405:  # noqa: PLR2004 - Method Not Allowed
            headers.append((b"allow", b"POST"))
        if self._retry_after is not None:
            headers.append((b"retry-after", str(self._retry_after).encode()))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})


def told(receipt: Receipt) -> dict[str, Any]:
    """The receipt as `extensions.upstream` shows it; seconds are whole."""
    oldest = receipt.oldest_seconds
    shown: dict[str, Any] = {
        "calls": receipt.calls,
        "saved": receipt.saved,
        "joined": receipt.joined,
        "ages": {"oldestSeconds": None if oldest is None else round(oldest)},
        "stale": receipt.stale,
        "drift": receipt.drift,
        "budget": None,
    }
    if receipt.budget is not None:
        shown["budget"] = {
            "limit": receipt.budget.limit,
            "remaining": receipt.budget.remaining,
            "resetSeconds": receipt.budget.reset_seconds,
        }
    return shown


def _text(headers: Mapping[bytes, Sequence[bytes]], name: bytes) -> str | None:
    values = headers.get(name)
    return b", ".join(values).decode("latin-1") if values else None


async def _body(receive: Receive) -> bytes:
    body, length = bytearray(), 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientLeft
        piece, more = message.get("body", b""), message.get("more_body", False)
        length += len(piece)
        if length <= MAX_BODY:
            body += piece
        # Whoever is still sending does not listen: a little more is read, and dropped.
        if length > MAX_BODY and (not more or length > LINGER):
            raise BadRequest(413, f"The body may have at most {MAX_BODY} bytes.")
        if not more:
            return bytes(body)
