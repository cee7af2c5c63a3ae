"""Error responses to requests that do not reach GraphQL, in the format of GraphQL errors."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from http import HTTPStatus
from typing import Any

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route, Router
from starlette.types import ASGIApp, Lifespan, Receive, Scope, Send

from gateway.web.error_format import masked_error, request_error
from gateway.web.protocol.http_response import Headers, HTTPResponse, content_type
from gateway.web.protocol.negotiation import JSON
from gateway.web.protocol.tracing import TRACE, Trace, trace_from

_NOWHERE = "There is nothing at this address: GraphQL is at /graphql."
_CODES = {HTTPStatus.NOT_FOUND: "NOT_FOUND", HTTPStatus.UNAUTHORIZED: "UNAUTHENTICATED"}


def error_response(
    status: int,
    message: str,
    trace: Trace,
    *,
    code: str = "BAD_REQUEST",
    own: Headers | None = None,
) -> HTTPResponse:
    """Return a response with one coded error; `own` are additional header fields."""
    return HTTPResponse(status, JSON, [*(own or []), *trace.headers()], _body(code, message, trace))


def _body(code: str, message: str, trace: Trace) -> bytes:
    return orjson.dumps({"errors": [request_error(code, message, trace.request_id)]})


def _trace(request: Request) -> Trace:
    found = request.scope.get(TRACE)
    return found if isinstance(found, Trace) else trace_from({})


def _response(
    status: int, code: str, message: str, trace: Trace, headers: Mapping[str, str] | None = None
) -> Response:
    response = Response(_body(code, message, trace), status, headers)
    name, value = content_type(JSON)
    response.headers[name.decode()] = value.decode()
    return response


async def _refused(request: Request, exception: Exception) -> Response:
    """Answer an `HTTPException` of a route, such as 404 or 405, with a coded error."""
    assert isinstance(exception, HTTPException)  # noqa: S101 - the only type it is registered for
    status = HTTPStatus(exception.status_code)
    message = _NOWHERE if status == HTTPStatus.NOT_FOUND else f"{status.phrase}."
    code = _CODES.get(status, "BAD_REQUEST")
    headers = dict(exception.headers or {})
    if status == HTTPStatus.METHOD_NOT_ALLOWED:
        headers.setdefault(
            "Allow", "GET, HEAD"
        )  # a 405 requires Allow (RFC 9110, 15.5.6); StaticFiles omits it
    return _response(status, code, message, _trace(request), headers)


async def _failed(request: Request, bug: Exception) -> Response:
    """Log an unexpected exception and answer 500 with a masked error."""
    trace = _trace(request)
    error = masked_error(trace.request_id, bug)
    return _response(500, error["extensions"]["code"], error["message"], trace)


HANDLERS: dict[int | type[Exception], Callable[[Request, Any], Coroutine[Any, Any, Response]]] = {
    HTTPException: _refused,
    Exception: _failed,
}
"""Exception handlers of the Starlette and FastAPI applications."""


class OtherPaths:
    """The application for the paths of neither health nor GraphQL.

    FastAPI takes a sixth of the CPU of a start, so it is imported for the first such request.
    """

    def __init__(self, pages: ASGIApp | None, graphql: str, lifespan: Lifespan[Any]) -> None:
        """Create it with the page, if there is one; GraphQL is at `graphql`."""
        self.routes: list[BaseRoute] = []
        if pages is not None:
            self.routes += Mount("/graphiql", pages), Route("/", RedirectResponse(graphql))
        self._lifespan = Router(lifespan=lifespan)
        self._app: ASGIApp | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or handle a lifespan event."""
        if scope["type"] == "lifespan":
            await self._lifespan(scope, receive, send)
            return
        if self._app is None:
            self._app = await asyncio.to_thread(self.create)  # other requests go on meanwhile
        await self._app(scope, receive, send)

    def create(self) -> ASGIApp:
        """Create the application now, if requests are expected that should not wait for it."""
        from fastapi import FastAPI  # noqa: PLC0415 - as above

        app = FastAPI(
            openapi_url=None,
            docs_url=None,
            redoc_url=None,
            redirect_slashes=False,  # a redirect would repeat the Host of the request
            exception_handlers=HANDLERS,
            # It could be made to record exceptions, whose messages may quote what a client sent.
            telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
        )
        app.router.routes = self.routes
        self._app = app
        return app
