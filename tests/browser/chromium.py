"""A real Chromium without a window, spoken to over the DevTools protocol.

Other hosts do not resolve in it: a page that needs one fails here.
"""

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from websockets.sync.client import ClientConnection, connect

PATIENCE = 30.0
"""Seconds anything may take before the test has failed."""
FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--no-proxy-server",
    "--force-color-profile=srgb",
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
    "--remote-debugging-port=0",
)

Message = dict[str, Any]
Seen = TypeVar("Seen")


def until(look: Callable[[], Seen | None], what: str) -> Seen:
    """What `look` sees, as soon as it is anything but nothing, empty or false."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if seen := look():
            return seen
        time.sleep(0.05)
    raise TimeoutError(f"not within {PATIENCE:.0f} seconds: {what}")


class Chromium:
    """One browser; `listen` gets every event between a command and its answer."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._sent = 0
        self.listen: Callable[[Message], None] = lambda _: None

    def post(self, method: str, session: str | None = None, **parameters: object) -> int:
        """Send a command and do not wait for its answer; its number."""
        self._sent += 1
        command: Message = {"id": self._sent, "method": method, "params": parameters}
        if session is not None:
            command["sessionId"] = session
        self._socket.send(json.dumps(command))
        return self._sent

    def call(self, method: str, session: str | None = None, **parameters: object) -> Message:
        """Send a command; its answer."""
        number = self.post(method, session, **parameters)
        deadline = time.monotonic() + PATIENCE
        while True:
            message: Message = json.loads(self._socket.recv(deadline - time.monotonic()))
            if message.get("id") == number:
                assert "error" not in message, f"{method}: {message}"
                result: Message = message["result"]
                return result
            if "method" in message:
                self.listen(message)


@contextmanager
def chromium(program: str, folder: Path) -> Iterator[Chromium]:
    """Run a browser that keeps everything in `folder`, which is new, until the block ends."""
    port_file = folder / "DevToolsActivePort"
    process = subprocess.Popen(  # noqa: S603 - the system's browser
        [program, *FLAGS, f"--user-data-dir={folder}", "about:blank"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        port, path = until(lambda: _announced(port_file), "a browser to speak to")
        address = f"ws://127.0.0.1:{port}{path}"
        # Its pings would draw from `random` on a thread, which Hypothesis takes for its strategies.
        with connect(
            address, max_size=None, proxy=None, compression=None, ping_interval=None
        ) as socket:
            browser = Chromium(socket)
            yield browser
            browser.post("Browser.close")
            process.wait(PATIENCE)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait(PATIENCE)


def _announced(file: Path) -> list[str] | None:
    """The port and path a browser is spoken to at, once it has written both."""
    lines = file.read_text().splitlines() if file.exists() else []
    return lines if len(lines) == 2 else None
