"""`python -m bench.replicas COUNT PORT`: gateways behind the proxy of deploy/, as one contender."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path

from bench.rig import HERE

GATEWAY = Path(sys.executable).parent / "clients-gateway"
CONFIGURATION = HERE.parent / "deploy" / "haproxy.cfg"


def haproxy() -> str | None:
    """Return where the proxy is, if it is installed."""
    return shutil.which("haproxy", path=f"{os.environ['PATH']}:/usr/sbin")


def main() -> None:
    """Run until SIGTERM, which everybody below gets as well."""
    count, port = map(int, sys.argv[1:])
    ports = [free_port() for _ in range(count)]
    gateways: list[list[str | Path]] = [[GATEWAY, "serve", "--port", str(each)] for each in ports]
    with tempfile.NamedTemporaryFile("w", suffix=".cfg") as file:
        file.write(_configuration(port, ports))
        file.flush()
        proxy: list[str | Path] = [haproxy() or "haproxy", "-db", "-f", file.name]
        commands = [*gateways, proxy]
        running = [subprocess.Popen(command) for command in commands]  # noqa: S603
        signal.signal(signal.SIGTERM, lambda *_: None)
        signal.pause()
        for each in running:
            each.wait()


def _configuration(port: int, gateways: list[int]) -> str:
    """Return that of deploy/ on loopback, without TLS."""
    lines = CONFIGURATION.read_text().splitlines()
    kept = [line for line in lines if not line.strip().startswith(("bind :443", "http-request r"))]
    kept = [line for line in kept if not line.strip().startswith("server ")]
    kept += [f"  server gateway-{each} 127.0.0.1:{each}" for each in gateways]
    return "\n".join(kept).replace("bind :80", f"bind 127.0.0.1:{port}") + "\n"


def free_port() -> int:
    """Return a port that no program listens at."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listening:
        port: int = listening.getsockname()[1]
        return port


if __name__ == "__main__":
    main()
