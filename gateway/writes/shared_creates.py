"""Keyed creates that several gateways record in one server.

Each gateway also keeps the records of its own creates. It sends them to a server that has lost its
data, which accepts no key before.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable

from gateway.storage.database import StorageError
from gateway.storage.shared.contract import Sealing, ServerUnreachable, SharedServer
from gateway.storage.shared.heartbeat import Heartbeat
from gateway.storage.shared.server_clock import ServerClock
from gateway.writes.idempotency_store import (
    KEPT_SECONDS,
    CreatedClient,
    IdempotencyRecord,
    IdempotencyStore,
)
from gateway.writes.shared_record import EPOCH, SharedRecords

BEAT_SECONDS = 0.5
BUSY_SECONDS = 2.0
"""Seconds after its last heartbeat for which a gateway is taken to be sending its creates."""
POLL_SECONDS = 0.05
"""Seconds between two looks at a create that another gateway sends."""
REPLY_SECONDS = 0.05
"""Seconds after which the server executes no delayed command that records a create."""

_log = logging.getLogger(__name__)


class SharedCreates:
    """The records of all gateways in the server, and this gateway's own ones in `local`.

    Every method raises `StorageError` if it failed.
    """

    def __init__(
        self,
        server: SharedServer,
        local: IdempotencyStore,
        sealing: Sealing,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._server, self._local, self._now = server, local, now
        self._clock = ServerClock(now)
        self._records = SharedRecords(sealing, self._clock)
        self._epoch = b""
        """The data in the server that hold the records kept here."""
        self._sending: dict[bytes, str] = {}
        """Attempts under way, by name."""
        self._unrecorded: dict[bytes, IdempotencyRecord] = {}
        """By name, the outcomes that the server does not know yet."""
        self._undeleted: dict[str, bytes] = {}
        """By attempt, the names of records that the server may have, and that nothing is sent for.

        A key may have several: the server may have executed any of its refused attempts.
        """
        self._beats = Heartbeat(self.beat, BEAT_SECONDS)

    async def start(self) -> None:
        """Send the records kept here, log whether the server's disk is used, begin to beat."""
        with contextlib.suppress(ServerUnreachable, StorageError):
            await self.beat()
            await self._server.is_on_disk()
        self._beats.start()

    async def aclose(self) -> None:
        """Send what the server does not know yet."""
        await self._beats.aclose()
        with contextlib.suppress(ServerUnreachable):
            await self._record_all()

    async def begin(self, intent: IdempotencyRecord) -> IdempotencyRecord | None:
        """Record `intent`; if a record of its name exists, return that instead.

        While another gateway sends the create, wait for the outcome.
        """
        while (found := await self._begin(intent)) is not None:
            earlier, is_busy = found
            if not is_busy or earlier.payload != intent.payload:
                return earlier
            if self._now() + POLL_SECONDS >= intent.send_ended_by:
                return earlier
            await asyncio.sleep(POLL_SECONDS)
        try:
            await self._confirm_on_disk()
            kept = await self._local.begin(intent)
        except StorageError:
            await self._delete(intent)
            raise
        if kept is not None:  # the server has forgotten it
            await self._put(kept)
        return kept

    async def done(self, intent: IdempotencyRecord, created: CreatedClient) -> None:
        """Record the created client. Raises if it is recorded for another create."""
        await self._put(intent._replace(created=created))
        await self._local.done(intent, created)

    async def ended(self, intent: IdempotencyRecord, at: float, attempt: str) -> None:
        """Record that sending ended at `at` with unknown outcome, and the attempt id in the log."""
        await self._put(intent._replace(send_ended_by=at, attempt=attempt))
        await self._local.ended(intent, at, attempt)

    async def delete(self, intent: IdempotencyRecord) -> None:
        """Delete a record whose create made no client and will make none."""
        await self._delete(intent)
        await self._local.delete(intent)

    async def clients_of(self, caller: str) -> frozenset[str]:
        """Return the ids of the clients that this caller's creates made."""
        try:
            found = await self._server.call_on(
                [self._records.clients_key(caller)], "create_clients"
            )
        except ServerUnreachable as reason:
            raise StorageError(str(reason)) from None
        made = {self._records.decode_client(caller, each) for each in found}
        return await self._local.clients_of(caller) | made

    async def beat(self) -> None:
        """Send records that the server lost, outcomes, and that this gateway is alive."""
        if (epoch := await self._epoch_of_server()) != self._epoch:
            await self._send_all()
            self._epoch = epoch
        for name, attempt in list(self._sending.items()):
            await self._call("create_renew", name, attempt, repr(BUSY_SECONDS))
        await self._record_all()

    async def _begin(self, intent: IdempotencyRecord) -> tuple[IdempotencyRecord, bool] | None:
        """Return the record that there is, and whether its create is being sent."""
        deadline = self._clock.server_time(self._now()) + REPLY_SECONDS
        is_sent = self._server.is_reachable
        try:
            verdict, *found = await self._server.call_on(
                [EPOCH, self._records.key(intent.name)],
                "create_begin",
                self._epoch,
                repr(deadline),
                intent.attempt,
                repr(BUSY_SECONDS),
                self._records.encode(intent),
            )
        except ServerUnreachable as reason:
            if is_sent and not self._server.is_reachable:  # no reply: it may be executed
                self._undeleted[intent.attempt] = intent.name
            raise StorageError(str(reason)) from None
        if verdict == b"existing":
            return self._records.decode(intent.name, found[0]), found[1] == b"1"
        if verdict == b"late":
            raise StorageError("the server received the record too late")
        if verdict != b"new":
            self._beats.wake()
            raise StorageError("the gateways are sending their records to the server")
        self._sending[intent.name] = intent.attempt
        return None

    async def _confirm_on_disk(self) -> None:
        if not await self._server.is_on_disk():
            raise StorageError("the server did not write to its disk in time")

    async def _put(self, known: IdempotencyRecord) -> None:
        self._sending.pop(known.name, None)
        try:
            await self._send(known)
        except ServerUnreachable as reason:
            self._unrecorded[known.name] = known
            _log.warning("the server will get the outcome of a create later: %s", reason)

    async def _delete(self, intent: IdempotencyRecord) -> None:
        self._sending.pop(intent.name, None)
        try:
            await self._call("create_delete", intent.name, intent.attempt)
        except ServerUnreachable:
            self._undeleted[intent.attempt] = intent.name

    async def _epoch_of_server(self, *, sending: bool = False) -> bytes:
        sent_at = self._now()
        flag = "1" if sending else "0"
        epoch, _, now = await self._server.call_on([EPOCH], "create_epoch", "gateway", flag)
        self._clock.observe(float(now), sent_at)
        return epoch

    async def _send_all(self) -> None:
        """Send the records kept here; the server waits for as long as it takes."""
        for number, known in enumerate(await self._local.kept()):
            if number % 100 == 0:
                await self._epoch_of_server(sending=True)
            with contextlib.suppress(StorageError):  # its client is recorded for another create
                await self._send(known)

    async def _record_all(self) -> None:
        for attempt, name in list(self._undeleted.items()):
            await self._call("create_delete", name, attempt)
            self._undeleted.pop(attempt, None)
        for name, known in list(self._unrecorded.items()):
            with contextlib.suppress(StorageError):
                await self._send(known)
            if self._unrecorded.get(name) is known:
                del self._unrecorded[name]

    async def _send(self, known: IdempotencyRecord) -> None:
        """Send what is known of a create. Raises `StorageError` if its client is another's."""
        created = known.created
        client = (
            b"" if created is None else self._records.encode_client(known.caller, created.client)
        )
        reply = await self._server.call_on(
            [self._records.key(known.name), self._records.clients_key(known.caller)],
            "create_put",
            known.attempt,
            "ended" if created is None else "done",
            self._records.encode(known),
            client,
            repr(KEPT_SECONDS - (self._now() - known.began)),
        )
        if reply[0] == b"other":
            raise StorageError("the client is recorded for another create")

    async def _call(self, function: str, name: bytes, *arguments: str) -> list[bytes]:
        return await self._server.call_on([self._records.key(name)], function, *arguments)
