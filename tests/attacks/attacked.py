"""A gateway's process that is attacked, and what it holds and takes meanwhile."""

import contextlib
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import httpx

MOST = 250
"""Megabytes that the process may have resident."""
RELEASE = 5.0
"""Seconds after which nothing is held any more for connections that are over."""
LEFT = 40
"""Megabytes that may then stay, of what any load leaves behind."""


@dataclass
class Attacked:
    """A gateway's process."""

    process: subprocess.Popen[str]
    url: str

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens."""
        parts = urlsplit(self.url)
        assert parts.hostname
        assert parts.port
        return parts.hostname, parts.port

    def megabytes(self, what: str) -> float:
        """Of memory: `VmRSS`, what is resident; `VmHWM`, the most that was."""
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith(f"{what}:"):
                return int(line.split()[1]) / 1024
        raise AssertionError(what)

    def scheduled(self) -> tuple[float, float]:
        """Seconds that its first thread has run, and has waited for a core (proc(5))."""
        ran, waited, _ = Path(f"/proc/{self.process.pid}/schedstat").read_text().split()
        return int(ran) / 1e9, int(waited) / 1e9

    @contextlib.contextmanager
    def polled(self) -> Iterator[list[float]]:
        """The seconds that others wait for `/livez` meanwhile, once each 20 ms."""
        waited: list[float] = []
        over = threading.Event()

        def poll() -> None:
            transport = httpx.HTTPTransport(local_address="127.0.0.200")
            with httpx.Client(base_url=self.url, transport=transport, timeout=30) as http:
                while not waited or not over.wait(0.02):
                    began = time.perf_counter()
                    assert http.get("/livez").status_code == 200
                    waited.append(time.perf_counter() - began)

        polling = threading.Thread(target=poll)
        polling.start()
        try:
            yield waited
        finally:
            over.set()
            polling.join()
