"""Our own sides: the gateway, the gateway in other ways, and that of another checkout."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

from bench import valkey
from bench.replicas import haproxy
from bench.rig import HERE
from bench.side import BIN, Side

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from bench.rig import Rig

ORIGIN = "https://app.example.com"
LISTED = """
import json, sys
from bench.rig import Rig
from bench.sides import sides

print(json.dumps([
    [*side.command, side.cached, dict(side.environment)]
    for side in sides(Rig(api_port=int(sys.argv[1]))) if side.name == "ours, uvicorn"
]))
"""
"""Prints how a checkout's own measurements start its gateway: settings had other names."""


def ours(rig: Rig, *, cached: bool) -> Side:
    """Return the gateway as it is served."""
    return Side(
        "ours, uvicorn",
        "ours",
        (str(BIN / "clients-gateway"), "serve", "--port", "{port}"),
        dialect="connection",
        cached=cached,
        complete=True,
        environment={
            "GATEWAY_UPSTREAM_URL": f"{rig.api}/v1",
            "GATEWAY_UPSTREAM_RATE_LIMIT": "1000000000",
            "GATEWAY_UPSTREAM_MAX_CONCURRENCY": "400",
            "GATEWAY_UPSTREAM_MAX_QUEUE": "4800",
            "GATEWAY_CACHE": str(cached).lower(),
            "GATEWAY_MAX_ALIASES": "50",
            "GATEWAY_MAX_ROOT_FIELDS": "50",
            "GATEWAY_MAX_OPERATION_COST": "100",
        },
    )


def variants(ours: Side) -> list[Side]:
    """Return ours for browsers, with a shared budget, in two processes, and behind a proxy."""

    def side(name: str, command: Sequence[str], *only: str, **environment: str) -> Side:
        return replace(
            ours,
            name=f"ours, {name}",
            kind="variant",
            complete=False,
            command=command,
            folder=HERE.parent,
            environment={**ours.environment, **environment},
            only=frozenset(only),
        )

    def shared(name: str, command: Sequence[str], *only: str) -> Side:
        return side(
            name,
            command,
            *only,
            GATEWAY_VALKEY_URL=f"valkey://127.0.0.1:{valkey.PORT}",
            GATEWAY_BUDGET=name.replace(" ", "-"),
            GATEWAY_SECRET=f"{name:64}".replace(" ", "0"),  # a cache that no other side has
        )

    browser = side("for an Origin", ours.command, "W2", "W3c", GATEWAY_CORS_ORIGINS=ORIGIN)
    found = [replace(browser, headers={"Origin": ORIGIN})]
    if valkey.is_installed():
        found += [
            shared("with Valkey", ours.command, "W2", "W3c"),
            shared("2 workers", (*ours.command, "--workers", "2"), "W6"),
        ]
    if valkey.is_installed() and haproxy() is not None:
        behind = (sys.executable, "-m", "bench.replicas")
        found += [
            shared("1 replica behind HAProxy", (*behind, "1", "{port}"), "W6"),
            shared("2 replicas behind HAProxy", (*behind, "2", "{port}"), "W6"),
        ]
    return found


@cache
def before(rig: Rig, checkout: Path) -> list[Side]:
    """Return the gateway of another checkout, which must be installed in its `.venv`."""
    listed = subprocess.run(  # noqa: S603 - that checkout's interpreter
        [checkout / ".venv" / "bin" / "python", "-c", LISTED, str(rig.api_port)],
        cwd=checkout,
        check=True,
        stdout=subprocess.PIPE,
    ).stdout
    commit = subprocess.run(
        ["git", "describe", "--always", "--dirty"],  # noqa: S607
        cwd=checkout,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    ).stdout.strip()
    return [
        Side(
            f"before ({commit})",
            "before",
            command,
            dialect="connection",
            cached=cached,
            folder=checkout,
            environment=environment,
            only=frozenset({"W1", "W2", "W3", "W3c", "W4", "W5"}),
        )
        for *command, cached, environment in json.loads(listed)
    ]
