"""The status page and the state that it shows, at GET /status and below."""

from pathlib import Path

import orjson
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from gateway.telemetry.metrics import Metrics
from gateway.telemetry.status.state import status_of

STATUS_PATH = "/status"
_FOLDER = Path(__file__).parent / "page"
PAGE_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self';"
        " img-src 'self' data:; form-action 'none'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-cache",
}
"""Of a page that loads nothing from another host."""
_FILES = ("status.css", "status.js")


def status_routes(metrics: Metrics) -> list[Route]:
    """Return the routes; none loads anything from another host or changes anything."""

    async def state(_: Request) -> Response:
        headers = {**PAGE_HEADERS, "Cache-Control": "no-store"}
        return Response(orjson.dumps(status_of(metrics)), 200, headers, "application/json")

    async def page(_: Request) -> Response:
        return FileResponse(_FOLDER / "index.html", headers=PAGE_HEADERS)

    async def file(request: Request) -> Response:
        return FileResponse(_FOLDER / request.url.path.rpartition("/")[2], headers=PAGE_HEADERS)

    return [
        Route(STATUS_PATH, page),
        Route(f"{STATUS_PATH}/state.json", state),
        *(Route(f"{STATUS_PATH}/{name}", file) for name in _FILES),
    ]
