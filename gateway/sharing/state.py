"""What this gateway shares with others in one server, by the settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING

from gateway.cache.coherence.events import WriteEnded, WriteKind
from gateway.cache.coherence.replicated import ReplicatedCache
from gateway.cache.source import CachingClientSource
from gateway.cache.store.change_hints import ChangeKind
from gateway.ratelimit.limiter import RateLimiter
from gateway.settings import PREFIX, ConfigurationError, Settings
from gateway.storage.state_dir import State
from gateway.subscriptions.contracts import ChangeSource
from gateway.subscriptions.hub import SubscriptionHub
from gateway.writes.idempotency_store import IdempotencyStore
from gateway.writes.shared_creates import SharedCreates

if TYPE_CHECKING:
    from gateway.storage.connect import Connected


class SharedState:
    """The parts that are shared, which start and end with the gateway."""

    def __init__(
        self, connected: Connected, settings: Settings, state: State, clock: Callable[[], float]
    ) -> None:
        self.budget = connected.budget
        self._journal = connected.journal
        self.cache = ReplicatedCache(
            connected.journal,
            connected.memory,
            lambda: connected.server.is_reachable,
            clock,
            attempt_seconds=settings.upstream_timeout,
        )
        self._caches, self.clock = settings.cache, clock
        self.creates = SharedCreates(
            connected.server, IdempotencyStore(state.database), connected.creates
        )

    async def start(self) -> None:
        """Begin to share."""
        self.budget.start()
        await self.creates.start()
        if self._caches:
            await self._journal.start()

    async def aclose(self) -> None:
        """Send what the server does not know yet; the budget is closed by its limiter."""
        await self.creates.aclose()
        if self._caches:
            await self.cache.aclose()
            await self._journal.aclose()


def follow(
    state: SharedState | None,
    source: ChangeSource,
    budget: RateLimiter,
    hub: SubscriptionHub,
) -> None:
    """Have the cache learn what the API, and other gateways, report of credentials and clients."""
    if not isinstance(source, CachingClientSource):
        return
    credentials, follower = budget.credentials, source.follower
    credentials.when_rejected = source.disown
    if state is not None:
        state.cache.learn, state.cache.missed = follower.learn, follower.missed
        follower.when_accepted, follower.when_changed = credentials.accepted, hub.receive
        follower.when_written = partial(_publish, hub)
        follower.when_rejected = lambda each: credentials.rejected(each, state.clock())


_PUBLISHED: Mapping[WriteKind, ChangeKind] = {
    "created": "created",
    "updated": "updated",
    "deleted": "deleted",
    "maybe": "unknown",
    "unknown": "unknown",
}
"""What the subscribers of other gateways are to learn of a write."""


def _publish(hub: SubscriptionHub, write: WriteEnded) -> None:
    if write.kind in _PUBLISHED and write.id is not None:
        kind = _PUBLISHED[write.kind]
        hub.publish(kind, [write.id], write.partition, write.record, write.at)


def connect_shared_state(
    settings: Settings, state: State, clock: Callable[[], float]
) -> SharedState | None:
    """Return what is shared, if a server is configured.

    Raises `ConfigurationError` if the client library is not installed.
    """
    if settings.valkey_url is None or settings.secret is None:
        return None
    try:  # an extra, and a tenth of the start: imported only where it is used
        from gateway.storage.connect import connect  # noqa: PLC0415
    except ModuleNotFoundError:
        raise ConfigurationError(
            f"{PREFIX}VALKEY_URL needs an extra: pip install 'clients-gateway[valkey]'"
        ) from None
    connected = connect(
        settings.valkey_url,
        settings.budget,
        settings.secret.encode(),
        settings.upstream_url,
        limit=settings.upstream_rate_limit,
        attempt_seconds=settings.upstream_timeout,
        clock=clock,
        folder=state.folder,
    )
    return SharedState(connected, settings, state, clock)
