"""A writer that creates one client for one idempotency key, however often it is sent."""

import hashlib
import logging
import re
import time
import uuid
from collections.abc import Callable, Coroutine
from dataclasses import KW_ONLY, dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Union

import msgspec

from gateway.storage.database import StorageError
from gateway.writes.idempotency_store import CreatedClient, IdempotencyRecord, IdempotencyStore
from gateway.writes.keyed_flights import KeyedFlights, another_payload
from gateway.writes.recovery import RecoveringWriter
from schema.source.errors import (
    ClientError,
    IdempotencyUnavailable,
    NotFound,
    RateLimited,
    Unavailable,
    WriteUnconfirmed,
)
from schema.source.protocols import ClientReader
from schema.source.records import FIELDS, ClientFilter, ClientId, ClientRecord, Fields, Window
from schema.source.request_context import Priority, RequestContext
from schema.source.writes import NewClient, SendInterval, WriteResult

if TYPE_CHECKING:  # what several gateways share is imported only where it is used
    from gateway.writes.shared_creates import SharedCreates

CreateRecords = Union["IdempotencyStore", "SharedCreates"]
"""The records of keyed creates, of this gateway alone or of several."""
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_PROVING: Fields = frozenset({"id"})
_log = logging.getLogger(__name__)


@dataclass(eq=False, repr=False)
class IdempotentWriter:
    """Wraps a writer: a create with an idempotency key is sent once in 24 hours.

    A record is stored before sending; if that fails (`intents` is None, or its store fails), the
    create is refused. If a record without an outcome exists, the client is searched for and never
    sent again; if a client is recorded, it is read. The guarantee is at most once, and through this
    gateway only.

    Records belong to the caller's identity, which for a token is its user, before and after the
    token is proven. Any caller can claim to be a user: a credential that `vouched` does not report
    as recently accepted by the API (by its hash) must succeed in a read before it gets a result.
    `clock` is that of the operations' deadlines; `now` returns Unix seconds.
    """

    reader: ClientReader
    writer: RecoveringWriter
    intents: CreateRecords | None
    _: KW_ONLY
    secret: bytes
    """The key of the hashes of keys and payloads on disk."""
    clock: Callable[[], float]
    vouched: Callable[[str], bool] = lambda _: True
    now: Callable[[], float] = time.time

    def __post_init__(self) -> None:
        self.update, self.delete = self.writer.update, self.writer.delete
        self._flights = KeyedFlights(self.clock)

    async def create(self, operation: RequestContext, new: NewClient) -> WriteResult:
        """Create a client, or return the one that this key created."""
        if new.idempotency_key is None:
            return await self.writer.create(operation, new)
        name = self._hash(b"name", [operation.caller.identity, _compared(new.idempotency_key)])
        payload = self._hash(b"payload", new.fields)
        return await self._flights.run(
            operation, name, payload, partial(self._create, operation, new, name, payload)
        )

    async def _create(
        self, operation: RequestContext, new: NewClient, name: bytes, payload: bytes
    ) -> WriteResult:
        if self.intents is None:
            raise _refused()
        now = self.now()
        until = now + max(0.0, operation.deadline - self.clock())
        caller = operation.caller.identity
        intent = IdempotencyRecord(name, caller, payload, str(uuid.uuid4()), now, until)
        try:
            earlier = await self.intents.begin(intent)
        except StorageError as reason:
            _log.error("a create could not be recorded: %s", reason)
            raise _refused() from reason
        if earlier is not None:
            return await self._replay(self.intents, operation, new, payload, earlier)
        return await self._send_first(self.intents, operation, new, intent)

    async def _send_first(
        self,
        intents: CreateRecords,
        operation: RequestContext,
        new: NewClient,
        intent: IdempotencyRecord,
    ) -> WriteResult:
        try:
            written = await self.writer.create(operation, new)
        except WriteUnconfirmed as lost:
            await _log_storage_error(intents.ended(intent, self.now(), lost.attempt_id))
            raise
        except ClientError:
            await _log_storage_error(intents.delete(intent))
            raise
        await _log_storage_error(intents.done(intent, _made(written)))
        return written

    async def _replay(
        self,
        intents: CreateRecords,
        operation: RequestContext,
        new: NewClient,
        payload: bytes,
        earlier: IdempotencyRecord,
    ) -> WriteResult:
        if earlier.payload != payload:
            await self._prove(operation)
            raise another_payload()
        if earlier.created is not None:
            return await self._replayed(operation, new, earlier.created)
        _log.warning("create %s has no recorded outcome; searching for the client", earlier.attempt)
        lost = WriteUnconfirmed(
            "A create with this key was begun before and its answer was lost: it may have"
            " happened. Look before you create the client under another key.",
            attempt_id=earlier.attempt,
        )
        try:
            await self._prove(operation)
        except (RateLimited, Unavailable) as failure:
            if operation.caller.claimed is not None:
                raise  # the record may belong to another user
            raise lost from failure
        try:
            others = await intents.clients_of(earlier.caller)
            sending = SendInterval(earlier.began, earlier.send_ended_by)
            written = await self.writer.find_created(operation, new, sending, lost, others)
            await intents.done(earlier, _made(written))  # fails if it is another key's client
        except StorageError as reason:
            raise lost from reason
        return written

    async def _prove(self, operation: RequestContext) -> None:
        """Read with a credential that is not vouched for. Raises the `ClientError` of the read."""
        if not self.vouched(operation.caller.hash):
            await self.reader.read_page(
                operation, ClientFilter(), Window(0, 1), _PROVING, Priority.WRITE
            )

    async def _replayed(
        self, operation: RequestContext, new: NewClient, made: CreatedClient
    ) -> WriteResult:
        """Return the current state of the client that the key created.

        If it cannot be read now, a vouched caller gets the fields it sent. Raises `NotFound` if the
        client is gone.
        """
        id, vouched = ClientId(made.client), self.vouched(operation.caller.hash)
        [current] = await self.reader.fetch(operation, [id], FIELDS, Priority.WRITE)
        if isinstance(current, NotFound):
            raise NotFound(
                "The client that this key made is no longer there, or not for you to see. Nothing"
                " was sent now.",
                correlation_id=current.correlation_id,
            )
        if isinstance(current, ClientError):
            if not vouched or not isinstance(current, RateLimited | Unavailable):
                raise current
            known: dict[str, Any] = new.fields
            current = ClientRecord(id=id, **known)
        return WriteResult(current, made.confirmed_by, replayed=True)

    def _hash(self, what: bytes, value: object) -> bytes:
        data = msgspec.json.encode(value)
        return hashlib.blake2b(data, key=self.secret, digest_size=32, person=what).digest()


def _compared(key: str) -> str:
    """Normalise a key: exact, except for the letter case of a UUID (RFC 9562, 4)."""
    return key.lower() if _UUID.fullmatch(key) else key


def _made(written: WriteResult) -> CreatedClient:
    return CreatedClient(written.record.id, written.confirmed_by)


async def _log_storage_error(note: Coroutine[Any, Any, None]) -> None:
    """Await `note`; log a failure: the next request with the key searches for the client."""
    try:
        await note
    except StorageError as reason:
        _log.error("the end of a create could not be recorded: %s", reason)


def _refused() -> IdempotencyUnavailable:
    return IdempotencyUnavailable(
        "This gateway cannot record creates at the moment, so a key would prevent no second create."
        " Nothing was sent. Ask again later, or create the client without a key."
    )
