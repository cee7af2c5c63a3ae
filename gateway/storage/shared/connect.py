"""Connect to the server in which gateways share their state."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from gateway.storage.shared.budget import ValkeyBudget
from gateway.storage.shared.function_library import FunctionLibrary, budget_keys
from gateway.storage.shared.sealing import Sealer
from gateway.storage.shared.server_connection import ServerConnection


class Connected(NamedTuple):
    """What several gateways share."""

    budget: ValkeyBudget
    server: ServerConnection
    creates: Sealer
    """Encrypts the records of creates."""


def connect(  # noqa: PLR0913 - what a server and a budget are known by
    url: str,
    name: str,
    secret: bytes,
    *,
    limit: int,
    attempt_seconds: float,
    clock: Callable[[], float],
) -> Connected:
    """Return what is shared, over one connection that is made when it is first used."""
    server = ServerConnection(url, FunctionLibrary(), budget_keys(name))
    budget = ValkeyBudget(server, limit=limit, attempt_seconds=attempt_seconds, clock=clock)
    return Connected(budget, server, Sealer(secret, b"creates"))
