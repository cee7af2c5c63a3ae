"""Connect to the server in which gateways share their budget."""

from __future__ import annotations

from collections.abc import Callable

from gateway.storage.shared.budget import ValkeyBudget
from gateway.storage.shared.function_library import FunctionLibrary, budget_keys
from gateway.storage.shared.server_connection import ServerConnection


def connect_budget(
    url: str, name: str, *, limit: int, attempt_seconds: float, clock: Callable[[], float]
) -> ValkeyBudget:
    """Return the budget of this name, which connects when it is first used."""
    connection = ServerConnection(url, FunctionLibrary(), budget_keys(name))
    return ValkeyBudget(connection, limit=limit, attempt_seconds=attempt_seconds, clock=clock)
