"""What this gateway shares with others in one server, by the settings."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from gateway.settings import PREFIX, ConfigurationError, Settings
from gateway.storage.state_dir import State
from gateway.writes.idempotency_store import IdempotencyStore
from gateway.writes.shared_creates import SharedCreates

if TYPE_CHECKING:
    from gateway.storage.shared.connect import Connected


class SharedState:
    """The parts that are shared, which start and end with the gateway."""

    def __init__(self, connected: Connected, state: State) -> None:
        self.budget = connected.budget
        self.creates = SharedCreates(
            connected.server, IdempotencyStore(state.database), connected.creates
        )

    async def start(self) -> None:
        """Begin to share."""
        self.budget.start()
        await self.creates.start()

    async def aclose(self) -> None:
        """Send what the server does not know yet; the budget is closed by its limiter."""
        await self.creates.aclose()


def connect_shared_state(
    settings: Settings, state: State, clock: Callable[[], float]
) -> SharedState | None:
    """Return what is shared, if a server is configured.

    Raises `ConfigurationError` if the client library is not installed.
    """
    if settings.valkey_url is None or settings.secret is None:
        return None
    try:  # an extra, and a tenth of the start: imported only where it is used
        from gateway.storage.shared.connect import connect  # noqa: PLC0415
    except ModuleNotFoundError:
        raise ConfigurationError(
            f"{PREFIX}VALKEY_URL needs an extra: pip install 'clients-gateway[valkey]'"
        ) from None
    connected = connect(
        settings.valkey_url,
        settings.budget,
        settings.secret.encode(),
        limit=settings.upstream_rate_limit,
        attempt_seconds=settings.upstream_timeout,
        clock=clock,
    )
    return SharedState(connected, state)
