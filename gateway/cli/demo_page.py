"""A table of clients, as an example of a page over the graph; the demo shows it at /demo."""

from pathlib import Path

from starlette.responses import FileResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.telemetry.status.routes import PAGE_HEADERS

DEMO_PATH = "/demo"
_FOLDER = Path(__file__).parent / "client_table"
_FILES = {
    DEMO_PATH: "index.html",
    f"{DEMO_PATH}/table.css": "table.css",
    f"{DEMO_PATH}/table.js": "table.js",
}


class WithDemoPage:
    """Answers GET of the page and its files; every other request gets `app`."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or pass on a lifespan event."""
        file = _FILES.get(scope.get("path", ""))
        if file is None or scope["type"] != "http" or scope["method"] not in {"GET", "HEAD"}:
            await self._app(scope, receive, send)
        else:
            response = FileResponse(_FOLDER / file, headers=PAGE_HEADERS)
            await response(scope, receive, send)
