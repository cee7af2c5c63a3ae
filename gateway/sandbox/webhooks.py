"""Webhooks of the sandbox: what is written is reported, in up to four attempts, and faults."""
# ruff: noqa: E501 - one row is one line

import asyncio
import hashlib
import hmac
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

import httpx2
import orjson

from gateway.sandbox.faults import ALWAYS, Fault, select_faults

Post = Callable[[str, bytes, dict[str, str]], Awaitable[int]]
Sleep = Callable[[float], Awaitable[None]]


EVENTS = {"POST": "client.created", "PUT": "client.updated", "DELETE": "client.deleted"}
"""The names by the documented category; the names themselves are not documented."""
PAUSES = (1.0, 5.0, 25.0)
"""Seconds before each of the three further attempts; the documentation names only their number."""
SECONDS = 10.0


@dataclass
class DeliveryFault(Fault):
    """A fault of deliveries; `path` is a prefix of the event's name, `latency` delays it."""

    method: str = "WEBHOOK"
    twice: bool = False
    held: bool = False
    """Sent after the next delivery."""
    forged: bool = False


def _always(**changes: Any) -> Fault:  # noqa: ANN401 - any field of the fault
    return DeliveryFault(times=ALWAYS, **changes)


# fmt: off
FAULTS: dict[str, tuple[str, Fault]] = {
    "webhook-late": ("webhooks arrive five seconds later", _always(latency=5)),
    "webhook-lost": ("webhooks are never sent", _always(lost=True)),
    "webhook-twice": ("webhooks are sent twice", _always(twice=True)),
    "webhook-reordered": ("each second webhook arrives before the first", _always(held=True, share=0.5)),
    "webhook-forged": ("webhooks have a wrong signature", _always(forged=True)),
}
# fmt: on


async def post(url: str, body: bytes, headers: dict[str, str]) -> int:
    """Send a delivery; return the status of the response, 0 without one."""
    async with httpx2.AsyncClient(timeout=SECONDS, trust_env=False) as client:
        try:
            return (await client.post(url, content=body, headers=headers)).status_code
        except httpx2.HTTPError:
            return 0


class Webhooks:
    """Reports each write to one address."""

    def __init__(
        self, url: str, secret: str, *, send: Post = post, sleep: Sleep = asyncio.sleep
    ) -> None:
        self._url = url
        self._secret = secret
        self._send = send
        self._sleep = sleep
        self._last: str | None = None
        self._held: list[tuple[bytes, dict[str, str]]] = []
        self._under_way: set[asyncio.Task[None]] = set()

    def report(self, method: str, id: str, timestamp: str, faults: Sequence[Fault]) -> None:
        """Begin to deliver the event of a write that was executed."""
        event, self._last = EVENTS[method], timestamp
        body = orjson.dumps({"event": event, "timestamp": timestamp, "data": {"id": id}})
        own = [each for each in faults if isinstance(each, DeliveryFault)]
        task = asyncio.create_task(
            self._deliver(event, timestamp, body, select_faults(own, "WEBHOOK", event))
        )
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    def registered(self) -> dict[str, Any]:
        """Return the one webhook, as the list of webhooks shows it."""
        return {
            "id": "wh_sandbox",
            "url": self._url,
            "events": ["all"],
            "secret": self._secret,
            "active": True,
            "last_triggered": self._last,
        }

    async def settled(self) -> None:
        """Wait for the deliveries under way."""
        while self._under_way:
            await asyncio.wait(self._under_way)

    async def _deliver(
        self, event: str, timestamp: str, body: bytes, faults: Sequence[Fault]
    ) -> None:
        own = [each for each in faults if isinstance(each, DeliveryFault)]
        if any(each.lost for each in own):
            return
        forged = any(each.forged for each in own)
        secret = "another secret" if forged else self._secret
        headers = {
            "content-type": "application/json",
            "X-Webhook-Event": event,
            "X-Webhook-Timestamp": timestamp,
            "X-Webhook-Signature": "sha256="
            + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest(),
        }
        if delay := sum(each.latency for each in own):
            await self._sleep(delay)
        if any(each.held for each in own):
            self._held.append((body, headers))
            return
        ready = [(body, headers)] * (1 + any(each.twice for each in own))
        ready, self._held = ready + self._held, []
        for one in ready:
            await self._attempt(*one)

    async def _attempt(self, body: bytes, headers: dict[str, str]) -> None:
        for pause in (*PAUSES, None):
            if 200 <= await self._send(self._url, body, headers) < 300 or pause is None:  # noqa: PLR2004
                return
            await self._sleep(pause)
