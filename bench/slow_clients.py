"""What a thousand slow-loris connections do to everybody else: `python -m bench.slow_clients`.

The demo runs in a process of its own. A second process holds the slow connections: each sends
one byte of a header a second and opens again when it is hung up on. Rounds with and without them
take turns, so that what else the machine does meets both; what counts is the ratio.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import os
import re
import resource
import socket
import statistics
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

COMMAND = Path(sys.executable).parent / "clients-gateway"
HEAD = b"POST /graphql HTTP/1.1\r\nhost: gateway\r\nx-slow: "
TURNS = 50
"""Into how many turns the slow clients' second is divided."""
BODY = b'{"query":"{ clients(first: 10) { edges { node { id fullName } } } }"}'
ASK = (
    b"POST /graphql HTTP/1.1\r\nhost: gateway\r\ncontent-type: application/json\r\n"
    b"content-length: %d\r\n\r\n%b" % (len(BODY), BODY)
)


def slow_clients(host: str, port: int, many: int) -> None:
    """Run the second process: a byte a second on each connection, a new one for each hung up on.

    It stands for other machines, so it takes no CPU that another process here wants.
    """
    os.nice(19)
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    held: list[socket.socket | None] = [None] * many
    turn = 0
    while True:
        for place in range(turn, many, TURNS):
            connection = held[place]
            try:
                if connection is None:
                    held[place] = connection = socket.create_connection((host, port))
                    connection.setblocking(False)  # noqa: FBT003
                    connection.send(HEAD)
                connection.send(b"x")
                if not connection.recv(1024, socket.MSG_DONTWAIT):
                    raise ConnectionError
            except BlockingIOError:
                continue  # nothing was sent to it yet
            except OSError:
                if connection is not None:
                    connection.close()
                held[place] = None
        turn = (turn + 1) % TURNS
        time.sleep(1 / TURNS)


async def percentiles(host: str, port: int, requests: int, every: float) -> tuple[float, float]:
    """p50 and p99, in milliseconds, of requests sent at a steady pace over a few connections."""
    took: list[float] = []
    free: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = asyncio.Queue()
    for _ in range(8):
        free.put_nowait(await asyncio.open_connection(host, port))

    async def ask(due: float) -> None:
        reader, writer = await free.get()
        writer.write(ASK)
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200"), head  # noqa: S101 - a measurement of errors is none
        length = re.search(rb"content-length: (\d+)", head)
        await reader.readexactly(int(length[1]) if length else 0)
        took.append((time.perf_counter() - due) * 1e3)
        free.put_nowait((reader, writer))

    began = time.perf_counter()
    asking = []
    for number in range(requests):
        due = began + number * every
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        asking.append(asyncio.create_task(ask(due)))
    await asyncio.gather(*asking)
    while not free.empty():
        free.get_nowait()[1].close()
    cuts = statistics.quantiles(took, n=100)
    return cuts[49], cuts[98]


def measure(many: int, rounds: int, requests: int, rate: float) -> None:
    """Print each round, and the median of their ratios."""
    environment = os.environ | {
        "GATEWAY_MAX_CONNECTIONS": str(2 * many),
        "GATEWAY_MAX_CONNECTIONS_PER_ADDRESS": str(2 * many),
    }
    gateway = subprocess.Popen(  # noqa: S603 - our own command
        [COMMAND, "run", "--port", "0"], env=environment, stdout=subprocess.PIPE, text=True
    )
    try:
        assert gateway.stdout  # noqa: S101 - a pipe was requested
        banner = "".join(iter(gateway.stdout.readline, "Ctrl-C stops both.\n"))
        url = urlsplit(re.findall(r"http://127\.0\.0\.1:\d+", banner)[0])
        host, port = str(url.hostname), int(url.port or 0)
        asyncio.run(percentiles(host, port, requests, 1 / rate))
        p99: dict[bool, list[float]] = {False: [], True: []}
        print(f"{many} slow connections; {requests} requests a round, {rate:.0f} a second")
        for _ in range(rounds):
            for slow in (False, True):
                others = multiprocessing.Process(target=slow_clients, args=(host, port, many))
                if slow:
                    others.start()
                    time.sleep(3)
                try:
                    half, most = asyncio.run(percentiles(host, port, requests, 1 / rate))
                finally:
                    if slow:
                        others.terminate()
                        others.join()
                        time.sleep(1)
                p99[slow].append(most)
                print(f"{'with' if slow else 'without':8} p50 {half:7.2f} ms  p99 {most:7.2f} ms")
        ratios = [held / free for free, held in zip(p99[False], p99[True], strict=True)]
        print(f"p99 with / without, median of {rounds} rounds: {statistics.median(ratios):.2f}")
    finally:
        gateway.terminate()
        gateway.wait()


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--connections", type=int, default=1_000)
    options.add_argument("--rounds", type=int, default=7)
    options.add_argument("--requests", type=int, default=500)
    options.add_argument("--rate", type=float, default=50)
    chosen = options.parse_args()
    measure(chosen.connections, chosen.rounds, chosen.requests, chosen.rate)
