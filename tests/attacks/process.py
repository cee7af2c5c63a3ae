"""`python -m tests.attacks.process WAY`: the gateway as a process, before a sandbox within it."""

import resource
import sys

from gateway.app import create_app
from gateway.configuration import connection_limits
from gateway.sandbox.api import Sandbox
from gateway.server import uvicorn as server
from gateway.settings import load_settings
from tests.in_process import InProcess
from tests.serving import Way

ADDRESS_SPACE = 1_536 * 1024 * 1024
"""Bytes of address space; what it maps when it starts is some 400 MB of them."""


def main() -> None:
    """Serve on a free port of every loopback address until stopped."""
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))
    way = Way(sys.argv[1])
    settings = load_settings({}, _env_file=None)
    app = create_app(settings, wire=InProcess(Sandbox()))
    socket = server.bind("0.0.0.0", 0)  # noqa: S104 - so that clients of many addresses come
    direct = app.direct if way is Way.FAST else None
    site = server.Listener(
        app, socket, connection_limits(settings), direct, app.cors, app.websockets
    )

    def started() -> None:
        sys.stdout.write(f"http://127.0.0.1:{socket.getsockname()[1]}\n")
        sys.stdout.flush()

    server.run(server.serve([site], started))


if __name__ == "__main__":
    main()
