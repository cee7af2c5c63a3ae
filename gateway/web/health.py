"""Liveness and readiness checks; they make no upstream calls."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi import APIRouter
from fastapi.responses import JSONResponse

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request

    from schema.source.request_context import RateLimitState

_READS = ["GET", "HEAD"]
_NO_STORE = {"Cache-Control": "no-store"}


class Readiness:
    """Whether the gateway has started and is not yet stopping."""

    def __init__(self) -> None:
        self.ready = False


def health(readiness: Readiness, budget: Callable[[], RateLimitState]) -> APIRouter:
    """Return the routes of GET /livez and GET /readyz."""
    routes = APIRouter()

    async def livez(_: Request) -> JSONResponse:
        return JSONResponse({"status": "alive"}, headers=_NO_STORE)

    async def readyz(_: Request) -> JSONResponse:
        state = budget()
        body: dict[str, Any] = {
            "status": "ready" if readiness.ready else "not ready",
            "budget": {
                "limit": state.limit,
                "remaining": state.remaining,
                "resetSeconds": state.reset_seconds,
            },
        }
        return JSONResponse(body, 200 if readiness.ready else 503, headers=_NO_STORE)

    # Plain routes: FastAPI's parameter analysis would retain the variables of the closures.
    routes.add_route("/livez", livez, methods=_READS)
    routes.add_route("/readyz", readyz, methods=_READS)
    return routes
