"""`python -m bench.steady`: whether memory stays where it is over many mixed requests."""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import time

import orjson
from uvicorn.loops.auto import auto_loop_factory

from bench.machine import resident
from bench.stages import Instant, in_process
from bench.work import WORKS
from gateway.app import create_app
from gateway.settings import load_settings


def bodies(dice: random.Random) -> list[bytes]:
    """Yield requests of every workload, and documents that come once."""
    mixed = [
        orjson.dumps(body)
        for work in WORKS
        if work.name in {"W2", "W3c", "W5"}
        for body in work.bodies("connection")
    ]
    mixed += [
        orjson.dumps({"query": f"{{ clients(first: {1 + n % 50}) {{ totalCount }} }} # {n}"})
        for n in range(2_000)
    ]
    dice.shuffle(mixed)
    return mixed


async def run(requests: int, steps: int) -> list[tuple[int, float]]:
    """Mebibytes held after each of `steps` equal parts of `requests`."""
    app = create_app(
        load_settings({}, _env_file=None, upstream_rate_limit=10**9),
        wire=Instant(),
    )
    ask = in_process(app, bodies(random.Random(1)))  # noqa: S311 - the same mixture every time
    held = []
    for step in range(steps):
        for number in range(requests * step // steps, requests * (step + 1) // steps):
            await ask(number)
        held.append((requests * (step + 1) // steps, resident(os.getpid())))
    return held


def main() -> None:
    """Print what was held, and what a request took."""
    asks = argparse.ArgumentParser(prog="python -m bench.steady", description=__doc__)
    asks.add_argument("--requests", type=int, default=1_000_000)
    asks.add_argument("--steps", type=int, default=10)
    chosen = asks.parse_args()
    began = time.monotonic()
    with asyncio.Runner(loop_factory=auto_loop_factory()) as runner:
        held = runner.run(run(chosen.requests, chosen.steps))
    for requests, mebibytes in held:
        print(f"{requests:>10,} requests  {mebibytes:7.1f} MiB")
    print(f"{time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
