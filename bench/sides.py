"""Who is measured: our own sides, a bare server, and the rivals installed here."""

from __future__ import annotations

import importlib.util
import platform
from dataclasses import replace
from typing import TYPE_CHECKING

from bench.ours import before, ours, variants
from bench.rig import HERE
from bench.side import BIN, Side

if TYPE_CHECKING:
    from pathlib import Path

    from bench.rig import Rig

RIVALS = HERE / "rivals"


def sides(rig: Rig, against: Path | None = None) -> list[Side]:
    """Return all that can be started on this machine, with and without a cache."""
    own = [ours(rig, cached=cached) for cached in (False, True)]
    found = [*own, *variants(own[-1])]
    found += before(rig, against) if against else []
    found += [bare(rig, work) for work in ("W2", "W3c", "W5")]
    for cached in (False, True):
        found += _python(rig, cached=cached)
        found += _node(rig, cached=cached)
        found += _tailcall(rig, cached=cached)
    return found


def _serve(module: str) -> tuple[str, ...]:
    common = ("--host", "127.0.0.1", "--port", "{port}", "--loop", "uvloop", "--no-access-log")
    quiet = ("--log-level", "warning")
    return (str(BIN / "uvicorn"), f"{module}:app", *common, *quiet, "--http", "httptools")


def bare(rig: Rig, work: str) -> Side:
    """Return a server that repeats what our side answered in a workload."""
    return Side(
        "bare uvicorn",
        "bare",
        _serve("bench.bare"),
        cached=work != "W5",
        folder=HERE.parent,
        environment={"ANSWERS": str(rig.answers)},
        target=f"/{work}",
    )


def _python(rig: Rig, *, cached: bool) -> list[Side]:
    if importlib.util.find_spec("aiohttp") is None:
        return []
    environment = {"UPSTREAM": rig.api, "CACHE": str(int(cached)), "ROUTER": "asgi"}

    def side(name: str, module: str) -> Side:
        folder = RIVALS / "python"
        return Side(
            name, "rival", _serve(module), cached=cached, folder=folder, environment=environment
        )

    tuned = side("Strawberry, tuned", "tuned")
    naive = side("Strawberry + httpx", "naive")  # its pool times out in W4, for good
    return [tuned] if cached else [tuned, replace(naive, beyond=frozenset({"W4"}))]


def _node(rig: Rig, *, cached: bool) -> list[Side]:
    environment = {
        "NODE_ENV": "production",
        "UPSTREAM": rig.api,
        "PORT": "{port}",
        "CACHE": str(int(cached)),
    }
    found = []
    if (RIVALS / "node" / "node_modules").exists():
        programs = {"Apollo Server": "apollo.mjs", "Mercurius JIT": "mercurius.mjs"}
        if not cached:
            programs["Yoga"] = "yoga.mjs"
        found += [
            Side(
                name,
                "rival",
                ("node", program),
                cached=cached,
                complete=name != "Yoga",
                folder=RIVALS / "node",
                environment=environment,
            )
            for name, program in programs.items()
        ]
    mesh = RIVALS / "mesh"
    if (mesh / "supergraph.graphql").exists():
        found.append(
            Side(
                "Hive Gateway (Mesh)",
                "rival",
                (
                    "node",
                    "node_modules/@graphql-hive/gateway/dist/bin.js",
                    *("supergraph", "supergraph.graphql", "-c", "gateway.config.mjs"),
                    *("-h", "127.0.0.1", "-p", "{port}", *(["--jit"] if cached else [])),
                ),
                dialect="envelope",
                cached=cached,
                folder=mesh,
                environment=environment,
            )
        )
    return found


def _tailcall(rig: Rig, *, cached: bool) -> list[Side]:
    folder = RIVALS / "tailcall"
    program = folder / "node_modules/@tailcallhq/core-linux-x64-gnu/bin/tailcall"
    libraries = folder / f"trixie/usr/lib/{platform.machine()}-linux-gnu"
    loader = libraries / "ld-linux-x86-64.so.2"
    if not (program.exists() and loader.exists()):
        return []
    start = (
        f"sh config.sh {{port}} {rig.api} {int(cached)} > served.{{port}}.graphql && exec"
        f" {loader} --library-path {libraries} {program} start served.{{port}}.graphql"
    )
    return [
        Side(
            "Tailcall",
            "rival",
            ("sh", "-c", start),
            dialect="envelope",
            cached=cached,
            complete=True,
            folder=folder,
            environment={"TAILCALL_TRACKER": "false"},
        )
    ]
