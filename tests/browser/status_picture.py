"""Take docs/status.png again: `.venv/bin/python -m tests.browser.status_picture`.

It shows an office in the middle of its window, of virtual time.
"""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from bench.office import callers, day
from bench.window import run
from gateway.server.uvicorn import Listener
from gateway.telemetry.metrics import Metrics
from gateway.telemetry.status.routes import status_routes
from gateway.telemetry.status.state import status_of
from tests.browser.chromium import chromium, until
from tests.browser.page import new_page
from tests.serving import listening
from tests.skips import CHROMIUM

PICTURE = Path(__file__).parents[2] / "docs" / "status.png"
SECONDS = 640
"""Until here the office works."""


def office() -> dict[str, Any]:
    """The state of a gateway after some minutes of an office's window."""
    people = callers(40, seed=7, large=1)
    questions = [each for each in day(people, seed=7, windows=1) if each.at < SECONDS]
    metrics = run(people, questions, metrics_address="127.0.0.1:0").metrics
    assert metrics is not None
    return status_of(metrics)


def take(state: dict[str, Any], folder: Path) -> None:
    """Open the page on this state."""

    def shown(_: Request) -> JSONResponse:
        return JSONResponse(state)

    app = Starlette(routes=[Route("/status/state.json", shown), *status_routes(Metrics())])
    with (
        listening(lambda socket: Listener(app, socket)) as gateway,
        chromium(CHROMIUM.path(), folder) as browser,
        new_page(browser) as page,
    ):
        page.resize(1200, 1130)
        page.open(f"{gateway.url}/status")
        until(lambda: page.texts("#lanes tr"), "the lanes")
        page.picture(PICTURE)


if __name__ == "__main__":
    with TemporaryDirectory(ignore_cleanup_errors=True) as place:
        take(office(), Path(place))
