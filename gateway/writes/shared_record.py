"""The record of one keyed create in the server: its keys, and its encrypted content."""

from typing import NamedTuple

import msgspec

from gateway.storage.database import StorageError
from gateway.storage.shared.contract import Sealing
from gateway.storage.shared.server_clock import ServerClock
from gateway.writes.idempotency_store import CreatedClient, IdempotencyRecord
from schema.source.writes import Confirmation

EPOCH = "clients-gateway:1:creates"


class _Content(NamedTuple):
    """What a record holds; times are the server's."""

    caller: str
    payload: bytes
    attempt: str
    began: float
    send_ended_by: float
    client: str | None
    confirmed_by: Confirmation | None


class SharedRecords:
    """Encrypts and decrypts records; each belongs to its name."""

    def __init__(self, sealing: Sealing, clock: ServerClock) -> None:
        """Create it; `clock` relates this gateway's Unix time to the server's."""
        self._sealing = sealing
        self._clock = clock

    def key(self, name: bytes) -> str:
        """Return the key of a record."""
        return f"{EPOCH}:{self._sealing.name(name)}"

    def clients_key(self, caller: str) -> str:
        """Return the key of the clients that this caller's creates made."""
        return f"{EPOCH}:of:{self._sealing.name(caller.encode())}"

    def encode(self, record: IdempotencyRecord) -> bytes:
        """Return the content of a record."""
        content = _Content(
            record.caller,
            record.payload,
            record.attempt,
            self._clock.server_time(record.began),
            self._clock.server_time(record.send_ended_by),
            *(record.created or (None, None)),
        )
        return self._sealing.seal(msgspec.msgpack.encode(content), record.name)

    def decode(self, name: bytes, sealed: bytes) -> IdempotencyRecord:
        """Return the record of this name. Raises `StorageError` if it is not from a gateway."""
        try:
            content = msgspec.msgpack.decode(self._sealing.open(sealed, name), type=_Content)
        except ValueError as error:
            raise StorageError(str(error)) from None
        began, ended_by = map(self._clock.own_time, (content.began, content.send_ended_by))
        created = None
        if content.client is not None and content.confirmed_by is not None:
            created = CreatedClient(content.client, content.confirmed_by)
        return IdempotencyRecord(
            name, content.caller, content.payload, content.attempt, began, ended_by, created
        )

    def encode_client(self, caller: str, client: str) -> bytes:
        """Return a client's id, encrypted to the same bytes each time."""
        return self._sealing.sealed_same(client.encode(), caller.encode())

    def decode_client(self, caller: str, sealed: bytes) -> str:
        """Return a client's id. Raises `StorageError`."""
        try:
            return self._sealing.open(sealed, caller.encode()).decode()
        except ValueError as error:
            raise StorageError(str(error)) from None
