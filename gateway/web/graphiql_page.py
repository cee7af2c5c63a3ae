"""GraphiQL: its page at /graphql for people, and what that page loads under /graphiql."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.middleware import Middleware
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from gateway.web.refusals import HANDLERS

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping
    from pathlib import Path

    from starlette.requests import Request
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

NOT_BUILT = "GraphiQL is not built here. Run `make graphiql`, then reload this page.\n"

POLICY = (
    "default-src 'self'; script-src 'self'; "
    "style-src 'self' 'unsafe-inline'; "  # the editor writes its colours as a style element
    "worker-src 'self' blob:; font-src 'self' data:; img-src 'self' data:; connect-src 'self'; "
    "form-action 'none'; frame-ancestors 'none'; base-uri 'none'"
)
"""Content-Security-Policy: nothing comes from another host, and nothing goes to one."""

_GUARD = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
_IMMUTABLE = "public, max-age=31536000, immutable"


def graphiql_app(dist: Path, *, headers: Mapping[str, str], docs_url: str) -> ASGIApp:
    """Serves the page that `npm run build` left in `dist`.

    Answers /graphql with the page; mounted at /graphiql, answers `config.json` and `assets/`.
    `headers` is what the header editor starts with and everybody who opens the page can read:
    a demo's key, never anybody's own. Without a build the page is a 503 that says what to run.
    """
    index = dist / "index.html"

    async def page(_: Request) -> Response:
        if not index.is_file():
            return PlainTextResponse(NOT_BUILT, 503, {"Cache-Control": "no-store"})
        return FileResponse(index, headers={"Cache-Control": "no-cache", "Vary": "Accept"})

    async def config(_: Request) -> Response:
        told = {"headers": dict(headers), "docs": docs_url}
        return JSONResponse(told, headers={"Cache-Control": "no-store"})

    pages = Starlette(
        routes=[
            Route("/graphql", page),
            Route("/config.json", config),
            Mount("/assets", _Assets(directory=dist / "assets", check_dir=False)),
        ],
        middleware=[Middleware(_SecurityHeaders)],
        exception_handlers=HANDLERS,
    )
    pages.router.redirect_slashes = False
    return pages


class _SecurityHeaders:
    """Sets the headers that keep the page, and its workers, to this host."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(_GUARD)
            await send(message)

        await self._app(scope, receive, guarded)


class _Assets(StaticFiles):
    """Files whose names hold the hash of their content: browsers may keep them for ever."""

    async def check_config(self) -> None:
        """A page that is not built yet has no files; asking for one is no error of ours."""

    def file_response(
        self,
        full_path: str | os.PathLike[str],
        stat_result: os.stat_result,
        scope: Scope,
        status_code: int = 200,
    ) -> Response:
        """The file, or 304 for who has it already."""
        response = super().file_response(full_path, stat_result, scope, status_code)
        response.headers["Cache-Control"] = _IMMUTABLE
        return response
