"""Who is measured: our side, the bare server, and the rivals installed here."""

from __future__ import annotations

import importlib.util
import platform
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from bench import valkey
from bench.replicas import haproxy
from bench.rig import HERE, Rig

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bench.work import Dialect

RIVALS = HERE / "rivals"
BIN = Path(sys.executable).parent
KEY = "0" * 64


@dataclass(frozen=True, slots=True)
class Side:
    """One system: how it is started. `{port}` in a command is the port it is to answer on."""

    name: str
    kind: str
    """`ours`, `shared` (ours with a shared budget), `bare`, `floor` or `rival`."""
    command: Sequence[str]
    dialect: Dialect = "page"
    cached: bool = False
    folder: Path = HERE
    environment: Mapping[str, str] = field(default_factory=dict)
    target: str = "/graphql"
    beyond: frozenset[str] = frozenset()
    """Workloads that are too much for it."""
    writes: bool = False
    """Whether it has the mutation of workload R."""
    only: frozenset[str] = frozenset()
    """Workloads that it takes part in; empty for all."""


def sides(rig: Rig) -> list[Side]:
    """Everybody who can be started on this machine, with and without a cache."""
    found = [side for cached in (False, True) for side in _ours(rig, cached=cached)]
    found += _shared(found[-1])
    found += [bare(rig, work) for work in ("W2", "W3c", "W5")]
    found += [side for cached in (False, True) for side in _python(rig, cached=cached)]
    found += [side for cached in (False, True) for side in _node(rig, cached=cached)]
    found += [side for cached in (False, True) for side in _tailcall(rig, cached=cached)]
    return found


def _ours(rig: Rig, *, cached: bool) -> list[Side]:
    return [
        Side(
            "ours, uvicorn",
            "ours",
            (str(BIN / "clients-gateway"), "serve", "--port", "{port}"),
            dialect="connection",
            cached=cached,
            writes=True,
            environment={
                "GATEWAY_UPSTREAM_URL": f"{rig.api}/v1",
                "GATEWAY_UPSTREAM_RATE_LIMIT": "1000000000",
                "GATEWAY_UPSTREAM_MAX_CONCURRENCY": "400",
                "GATEWAY_UPSTREAM_MAX_QUEUE": "4800",
                "GATEWAY_CACHE": str(cached).lower(),
                "GATEWAY_MAX_ALIASES": "50",
                "GATEWAY_MAX_ROOT_FIELDS": "50",
            },
        )
    ]


def _shared(ours: Side) -> list[Side]:
    """Ours with a shared budget: in one process, in two on one port, and behind a proxy."""
    if not valkey.is_installed():
        return []

    def side(name: str, command: Sequence[str], *only: str) -> Side:
        environment = {
            **ours.environment,
            "GATEWAY_VALKEY_URL": f"valkey://127.0.0.1:{valkey.PORT}",
            "GATEWAY_BUDGET": name.replace(" ", "-"),
            "GATEWAY_SECRET": f"{name:64}".replace(" ", "0"),  # a cache that no other side has
        }
        return replace(
            ours,
            name=f"ours, {name}",
            kind="shared",
            writes=False,
            command=command,
            folder=HERE.parent,
            environment=environment,
            only=frozenset(only),
        )

    found = [
        side("with Valkey", ours.command, "W2", "W3c", "W6"),
        side("2 workers", (*ours.command, "--workers", "2"), "W6"),
    ]
    if haproxy() is not None:
        behind = (sys.executable, "-m", "bench.replicas")
        found += [
            side("1 replica behind HAProxy", (*behind, "1", "{port}"), "W6"),
            side("2 replicas behind HAProxy", (*behind, "2", "{port}"), "W6"),
        ]
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
    cache = {"UPSTREAM": rig.api, "CACHE": str(int(cached))}
    folder = RIVALS / "python"

    def side(name: str, kind: str, module: str, **environment: str) -> Side:
        return Side(
            name,
            kind,
            _serve(module),
            cached=cached,
            folder=folder,
            environment=cache | environment,
        )

    found = [
        side("Strawberry, tuned", "rival", "tuned", CLIENT="aiohttp", ROUTER="asgi"),
        side("floor: uvicorn + aiohttp", "floor", "floor", CLIENT="aiohttp"),
    ]
    if not cached:
        naive = side("Strawberry + httpx", "rival", "naive")
        found.append(replace(naive, beyond=frozenset({"W4"})))  # its pool times out, for good
    return found


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
                writes=name != "Yoga",
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
            writes=True,
            folder=folder,
            environment={"TAILCALL_TRACKER": "false"},
        )
    ]
