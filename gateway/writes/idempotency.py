"""A source of clients that makes one client for one key, whatever is asked again."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import re
import time
import uuid
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import msgspec
from msgspec import UnsetType

from gateway.storage.database import StorageError
from gateway.writes.idempotency_store import CreatedClient, IdempotencyRecord
from schema.source.errors import (
    ClientError,
    IdempotencyUnavailable,
    InvalidInput,
    Issue,
    NotFound,
    RateLimited,
    Unavailable,
    WriteUnconfirmed,
)
from schema.source.protocols import ClientSource
from schema.source.records import (
    FIELDS,
    ClientFilter,
    ClientId,
    ClientRecord,
    Fields,
    NewClient,
    SendInterval,
    Window,
    WriteResult,
)
from schema.source.request_context import Priority

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence

    from gateway.writes.idempotency_store import ExistingRecord, IdempotencyStore
    from schema.source.cost import CostEstimate, SourceRequest
    from schema.source.records import ClientPatch, Confirmation, Page
    from schema.source.request_context import Caller, RequestContext

_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_PROVING: Fields = frozenset({"id"})
_log = logging.getLogger(__name__)


class RecoverableWriter(ClientSource, Protocol):
    """A source that can also look for what came of a create."""

    async def find_created(
        self,
        operation: RequestContext,
        new: NewClient,
        sending: SendInterval,
        lost: WriteUnconfirmed,
        accounted: frozenset[str] = frozenset(),
    ) -> WriteResult:
        """The one client it must have made.

        Raises `lost`, with the clients it may have made. `accounted`: ids of others.
        """
        ...


class _Flight(NamedTuple):
    payload: bytes
    caller: Caller
    task: asyncio.Task[WriteResult]

    def shared_with(self, caller: Caller) -> bool:
        """Whether its end is `caller`'s too: by the same credential, or by the same proven user."""
        proven = self.caller.claimed is None and caller.claimed is None
        return proven or self.caller.hash == caller.hash


class IdempotentWriter:
    """Wraps a source: a create with an idempotency key is sent once in 24 hours.

    What is about to be sent is recorded first; where that is not possible (`intents` is None,
    or its store fails) the create is refused. What is found on record without an outcome is
    looked for and never sent again; what came of one is read as it is now. At most once, that is,
    and through this gateway only.

    Records are kept by the caller's identity, which a token's user has before and after the token
    is proven. Anybody can claim to be a user: a credential that `vouched` does not know as accepted
    by the API within minutes (by its hash) proves itself by a read before it learns anything.
    `clock` is the one of operations' deadlines; `now` is in Unix seconds.
    """

    def __init__(  # noqa: PLR0913 - every part by its name
        self,
        source: RecoverableWriter,
        intents: IdempotencyStore | None,
        *,
        secret: bytes,
        clock: Callable[[], float],
        vouched: Callable[[str], bool] = lambda _: True,
        now: Callable[[], float] = time.time,
    ) -> None:
        """`secret` keys the hashes that stand for keys and payloads on disk."""
        self._source = source
        self._intents = intents
        self._secret = secret
        self._clock = clock
        self._vouched = vouched
        self._now = now
        self._flights: dict[bytes, _Flight] = {}

    def price(self, window: Window) -> int:
        """Calls that reading `window` costs."""
        return self._source.price(window)

    def prices(
        self, operation: RequestContext, needs: Sequence[SourceRequest]
    ) -> Sequence[CostEstimate]:
        """As the source prices them."""
        return self._source.prices(operation, needs)

    def rows_lack(self, fields: Fields) -> bool:
        """As the source knows."""
        return self._source.rows_lack(fields)

    def window(
        self,
        operation: RequestContext,
        where: ClientFilter,
        window: Window,
        fields: Fields,
        lane: Priority = Priority.INTERACTIVE,
    ) -> Coroutine[Any, Any, Page]:
        """As the source answers."""
        return self._source.window(operation, where, window, fields, lane)

    def fetch(
        self, operation: RequestContext, ids: Sequence[ClientId], fields: Fields, lane: Priority
    ) -> Coroutine[Any, Any, Sequence[ClientRecord | ClientError]]:
        """As the source answers."""
        return self._source.fetch(operation, ids, fields, lane)

    async def update(
        self, operation: RequestContext, id: ClientId, patch: ClientPatch
    ) -> WriteResult:
        """As the source does it."""
        return await self._source.update(operation, id, patch)

    async def delete(self, operation: RequestContext, id: ClientId) -> Confirmation:
        """As the source does it."""
        return await self._source.delete(operation, id)

    async def create(self, operation: RequestContext, new: NewClient) -> WriteResult:
        """Create a client, or answer with the one this key stands for already."""
        if new.idempotency_key is None:
            return await self._source.create(operation, new)
        caller = operation.caller
        name = self._hash(b"name", [caller.identity, _compared(new.idempotency_key)])
        payload = self._hash(b"payload", _sent(new))
        while (flight := self._flights.get(name)) is not None and not flight.shared_with(caller):
            # Of another credential, which may be refused or claim what it is not.
            await asyncio.wait([flight.task])
        if flight is None:
            task = asyncio.create_task(self._create(operation, new, name, payload))
            flight = self._flights[name] = _Flight(payload, caller, task)
            task.add_done_callback(lambda task: self._landed(name, task))
        elif flight.payload != payload:
            raise _another_payload()
        else:
            operation.receipt.joined += 1
        return await asyncio.shield(flight.task)

    async def aclose(self) -> None:
        """Wait for the creates under way, whoever has left meanwhile."""
        if self._flights:
            await asyncio.wait([flight.task for flight in self._flights.values()])

    async def _create(
        self, operation: RequestContext, new: NewClient, name: bytes, payload: bytes
    ) -> WriteResult:
        if self._intents is None:
            raise _refused()
        now = self._now()
        until = now + max(0.0, operation.deadline - self._clock())
        caller = operation.caller.identity
        intent = IdempotencyRecord(name, caller, payload, str(uuid.uuid4()), now, until)
        try:
            earlier = await self._intents.begin(intent)
        except StorageError as reason:
            _log.error("a create could not be recorded: %s", reason)
            raise _refused() from reason
        if earlier is not None:
            return await self._replay(self._intents, operation, new, payload, earlier)
        return await self._send_first(self._intents, operation, new, intent)

    async def _send_first(
        self,
        intents: IdempotencyStore,
        operation: RequestContext,
        new: NewClient,
        intent: IdempotencyRecord,
    ) -> WriteResult:
        try:
            written = await self._source.create(operation, new)
        except WriteUnconfirmed as lost:
            await _log_storage_error(intents.ended(intent, self._now(), lost.attempt_id))
            raise
        except ClientError:
            await _log_storage_error(intents.delete(intent))
            raise
        await _log_storage_error(intents.done(intent, _made(written)))
        return written

    async def _replay(
        self,
        intents: IdempotencyStore,
        operation: RequestContext,
        new: NewClient,
        payload: bytes,
        earlier: ExistingRecord,
    ) -> WriteResult:
        intent = earlier.record
        if intent.payload != payload:
            await self._prove(operation)
            raise _another_payload()
        if earlier.created is not None:
            return await self._replayed(operation, new, earlier.created)
        _log.warning(
            "write %s is looked for: it was begun and nobody knows its end", intent.attempt
        )
        lost = WriteUnconfirmed(
            "A create with this key was begun before and its answer was lost: it may have"
            " happened. Look before you create the client under another key.",
            attempt_id=intent.attempt,
        )
        try:
            await self._prove(operation)
        except (RateLimited, Unavailable) as failure:
            if operation.caller.claimed is not None:
                raise  # it may be the record of another
            raise lost from failure
        try:
            others = await intents.clients_of(intent.caller)
            sending = SendInterval(intent.began, intent.send_ended_by)
            written = await self._source.find_created(operation, new, sending, lost, others)
            await intents.done(intent, _made(written))  # refused, were it another key's client
        except StorageError as reason:
            raise lost from reason
        return written

    async def _prove(self, operation: RequestContext) -> None:
        """Read with a credential that is not vouched for. Raises the `ClientError` of doing so."""
        if not self._vouched(operation.caller.hash):
            await self._source.window(
                operation, ClientFilter(), Window(0, 1), _PROVING, Priority.WRITE
            )

    async def _replayed(
        self, operation: RequestContext, new: NewClient, made: CreatedClient
    ) -> WriteResult:
        """The client that the key stands for, as it is now.

        Where it cannot be read just now, what the caller knows of it already, for one that is
        vouched for. Raises `NotFound` where it is gone.
        """
        id, vouched = ClientId(made.client), self._vouched(operation.caller.hash)
        [current] = await self._source.fetch(operation, [id], FIELDS, Priority.WRITE)
        if isinstance(current, NotFound):
            raise NotFound(
                "The client that this key made is no longer there, or not for you to see. Nothing"
                " was sent now.",
                correlation_id=current.correlation_id,
            )
        if isinstance(current, ClientError):
            if not vouched or not isinstance(current, RateLimited | Unavailable):
                raise current
            known: dict[str, Any] = _sent(new)
            current = ClientRecord(id=id, **known)
        return WriteResult(current, made.confirmed_by, replayed=True)

    def _landed(self, name: bytes, task: asyncio.Task[WriteResult]) -> None:
        del self._flights[name]
        if not task.cancelled():
            task.exception()  # seen, also when whoever asked has left

    def _hash(self, what: bytes, told: object) -> bytes:
        told = msgspec.json.encode(told)
        return hashlib.blake2b(told, key=self._secret, digest_size=32, person=what).digest()


def _compared(key: str) -> str:
    """The key as it is compared: exactly, but for a UUID's letter case (RFC 9562, 4)."""
    return key.lower() if _UUID.fullmatch(key) else key


def _made(written: WriteResult) -> CreatedClient:
    return CreatedClient(written.record.id, written.confirmed_by)


def _sent(new: NewClient) -> dict[str, str | None]:
    """The payload that a key stands for."""
    fields = {
        "first_name": new.first_name,
        "last_name": new.last_name,
        "client_type": new.client_type,
        "email": new.email,
        "phone": new.phone,
    }
    return {name: value for name, value in fields.items() if not isinstance(value, UnsetType)}


async def _log_storage_error(note: Coroutine[Any, Any, None]) -> None:
    """What cannot be noted any more is looked for by whoever asks next."""
    try:
        await note
    except StorageError as reason:
        _log.error("the end of a create could not be recorded: %s", reason)


def _another_payload() -> InvalidInput:
    reason = "stands for another client already: make a new key for each client"
    return InvalidInput(
        "The input was refused. Nothing was sent.",
        issues=[Issue("idempotencyKey", "REUSED", reason)],
    )


def _refused() -> IdempotencyUnavailable:
    return IdempotencyUnavailable(
        "This gateway cannot record creates at the moment, so that a key would protect nobody."
        " Nothing was sent. Ask again later, or create the client without a key."
    )
