"""Error responses to requests that do not reach GraphQL, in the format of GraphQL errors."""

from collections.abc import Callable, Coroutine, Mapping
from contextlib import AbstractAsyncContextManager
from http import HTTPStatus
from typing import Any

import orjson
from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

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


def other_paths(
    pages: ASGIApp | None,
    graphql: str,
    lifespan: Callable[[FastAPI], AbstractAsyncContextManager[None]],
) -> FastAPI:
    """Return the application for the paths of neither health nor GraphQL, which is at `graphql`."""
    others = FastAPI(
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,  # a redirect would repeat the Host of the request
        exception_handlers=HANDLERS,
        lifespan=lifespan,
        # It could be made to record exceptions, whose messages may quote what a client sent.
        telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
    )
    if pages is not None:
        others.mount("/graphiql", pages)
        others.router.routes.append(Route("/", RedirectResponse(graphql)))
    return others
