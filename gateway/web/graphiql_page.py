"""The GraphiQL page at /graphql for browsers, and the files it loads under /graphiql."""

import os
from collections.abc import Mapping
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Scope

from gateway.web.refusals import HANDLERS

NOT_BUILT = "GraphiQL is not built here. Run `make graphiql`, then reload this page.\n"

POLICY = (
    "default-src 'self'; script-src 'self'; "
    "style-src 'self' 'unsafe-inline'; "  # the editor writes its colours as a style element
    "worker-src 'self' blob:; font-src 'self' data:; img-src 'self' data:; connect-src 'self'; "
    "form-action 'none'; frame-ancestors 'none'; base-uri 'none'"
)
"""Content-Security-Policy: the page loads nothing from other hosts and sends nothing to them."""

_GUARD = {  # of the page and its workers
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
_IMMUTABLE = "public, max-age=31536000, immutable"


def graphiql_app(dist: Path, *, headers: Mapping[str, str], links: Mapping[str, str]) -> ASGIApp:
    """Return the application that serves the page built by `npm run build` in `dist`.

    It answers /graphql with the page and, mounted at /graphiql, serves `config.json` and `assets/`.
    `headers` are the initial content of the header editor, readable by every visitor of the page:
    the key of a demo, never a personal credential. `links` are shown in the page, by their text.
    Without a build the page is a 503 response that names the command to run.
    """
    index = dist / "index.html"

    async def page(_: Request) -> Response:
        if not index.is_file():
            return PlainTextResponse(NOT_BUILT, 503, {"Cache-Control": "no-store"})
        return FileResponse(index, headers=_GUARD | {"Cache-Control": "no-cache", "Vary": "Accept"})

    async def config(_: Request) -> Response:
        content = {"headers": dict(headers), "links": dict(links)}
        return JSONResponse(content, headers={"Cache-Control": "no-store"})

    pages = Starlette(
        routes=[
            Route("/graphql", page),
            Route("/config.json", config),
            Mount("/assets", _Assets(directory=dist / "assets", check_dir=False)),
        ],
        exception_handlers=HANDLERS,
    )
    pages.router.redirect_slashes = False
    return pages


class _Assets(StaticFiles):
    """Files whose names contain the hash of their content: browsers may cache them for a year."""

    async def check_config(self) -> None:
        """Skip the check that the folder exists: before a build, a missing file is a 404."""

    def file_response(
        self,
        full_path: str | os.PathLike[str],
        stat_result: os.stat_result,
        scope: Scope,
        status_code: int = 200,
    ) -> Response:
        """Return the file, or 304 if the client has its current content."""
        response = super().file_response(full_path, stat_result, scope, status_code)
        response.headers.update(_GUARD | {"Cache-Control": _IMMUTABLE})
        return response
