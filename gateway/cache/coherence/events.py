"""The events by which gateways learn what others read and wrote."""

import zlib
from collections.abc import Callable
from typing import Literal

import msgspec

from schema.source.records import ClientRecord

MAX_BYTES = 512 * 1024
"""Bytes of an encoded event; a larger one is not shared."""
_LEVEL = 1
"""Of compression: a page of a hundred rows is a tenth of its size, within a millisecond."""

WriteKind = Literal[
    "created",
    "updated",
    "deleted",
    "absent",
    "gone",
    "conflict",
    "maybe",
    "unknown",
    "refused",
    "rejected",
]
"""What is known of a write: `absent` of a deletion and `gone` of an update of no client, `maybe`
of a conflict that may be this write, `refused` without effect, `rejected` for its credential."""


class PageRead(msgspec.Struct, frozen=True, tag="page"):
    """A page of a list; times are the server's."""

    partition: str
    by: str
    """Hash of the credential, which the API accepted."""
    at: float
    client_type: str | None
    status: str | None
    offset: int
    records: tuple[ClientRecord, ...]
    total: int
    more: bool


class ClientsRead(msgspec.Struct, frozen=True, tag="clients"):
    """Clients by id, with None for those that are absent."""

    partition: str
    by: str
    at: float
    found: dict[str, ClientRecord | None]


class WriteBegan(msgspec.Struct, frozen=True, tag="began"):
    """A write is about to be sent."""

    write: str
    partition: str
    id: str | None


class WriteEnded(msgspec.Struct, frozen=True, tag="ended"):
    """A write has ended; of a create, `id` is known only then."""

    write: str
    partition: str
    id: str | None
    claimed: str | None
    """The user whom an unproven token names, unless nothing was written."""
    kind: WriteKind
    began: float
    at: float
    record: ClientRecord | None = None
    """The client after it, or as it is in a conflict."""
    before: ClientRecord | None = None


class Forgotten(msgspec.Struct, frozen=True, tag="forgotten"):
    """Everything of a caller is to be read again."""

    partition: str


class Rejected(msgspec.Struct, frozen=True, tag="rejected"):
    """The API rejected a credential, known by its hash."""

    credential: str


class Changed(msgspec.Struct, frozen=True, tag="changed"):
    """A webhook reported a change."""

    kind: Literal["created", "updated", "deleted", "unknown"]
    ids: frozenset[str]


class FlightEnded(msgspec.Struct, frozen=True, tag="flight"):
    """A read ended without a result for others."""


Event = (
    PageRead | ClientsRead | WriteBegan | WriteEnded | Forgotten | Rejected | Changed | FlightEnded
)


class _Identified(msgspec.Struct, frozen=True, array_like=True):
    id: str
    event: Event


_encoder = msgspec.msgpack.Encoder(enc_hook=str)  # a `Partition` is a str
_decoder = msgspec.msgpack.Decoder(_Identified)


def encode_event(id: str, event: Event) -> bytes | None:
    """Return the event and its id as bytes; None if they are too many, or it has no encoding."""
    try:
        data = zlib.compress(_encoder.encode(_Identified(id, event)), _LEVEL)
    except OverflowError:  # an integer that MessagePack has no place for
        return None
    return data if len(data) <= MAX_BYTES else None


def decode_event(data: bytes) -> tuple[str, Event]:
    """Return an event and its id. Raises `ValueError` for other data."""
    try:
        unpacked = zlib.decompressobj().decompress(data, 32 * MAX_BYTES)
        envelope = _decoder.decode(unpacked)
    except (zlib.error, msgspec.MsgspecError) as error:
        raise ValueError(str(error)) from None
    return envelope.id, envelope.event


def shifted(event: Event, convert: Callable[[float], float]) -> Event:
    """Return the event with its times on another clock."""
    if isinstance(event, PageRead | ClientsRead):
        return msgspec.structs.replace(event, at=convert(event.at))
    if isinstance(event, WriteEnded):
        return msgspec.structs.replace(event, at=convert(event.at), began=convert(event.began))
    return event
