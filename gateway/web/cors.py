"""Pages of other origins that may call (Fetch, CORS protocol); nobody's unless configured."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.middleware.cors import CORSMiddleware

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.datastructures import MutableHeaders
    from starlette.types import ASGIApp

SENT = (
    "Apollo-Require-Preflight",
    "Authorization",
    "Cache-Control",
    "Content-Type",
    "If-None-Match",
    "traceparent",
    "X-API-Key",
    "X-Apollo-Operation-Name",
    "X-Request-Id",
)
"""Request headers that such a page may set."""
READ = ("ETag", "Retry-After", "traceparent", "X-Request-Id")
"""Response headers that it may read, besides those that every page may."""


def allowing(origins: Sequence[str], app: ASGIApp) -> ASGIApp:
    """`app`, callable from pages of exactly these origins, without cookies.

    `app` names Origin in its own Vary: an answer differs also for who sends none.
    """
    return _Allowing(
        app,
        allow_origins=origins,
        allow_methods=["GET", "POST"],
        allow_headers=SENT,
        expose_headers=READ,
    )


class _Allowing(CORSMiddleware):
    @staticmethod
    def allow_explicit_origin(headers: MutableHeaders, origin: str) -> None:
        """Name the origin; Vary does already."""
        headers["Access-Control-Allow-Origin"] = origin
