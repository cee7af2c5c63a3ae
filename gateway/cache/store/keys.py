"""Keys of cached entries. Every key belongs to a caller."""

from typing import NamedTuple, Self

from schema.source.records import ClientFilter
from schema.source.request_context import Caller
from schema.source.search import Question


class Partition(str):
    """The name of one caller's entries: made only from a caller, and free of credentials."""

    __slots__ = ()

    def __new__(cls, caller: Caller) -> Self:
        """Return the caller's partition."""
        return str.__new__(cls, caller.partition)

    @classmethod
    def claimed(cls, caller: Caller) -> Self | None:
        """Return the user's partition for an unproven token: to invalidate, never to read."""
        return None if caller.claimed is None else str.__new__(cls, caller.claimed)

    @classmethod
    def alone(cls, credential: str) -> Self:
        """Return the partition of a credential's hash: to invalidate, never to read."""
        return str.__new__(cls, credential)


class EntityKey(NamedTuple):
    """One client, as one caller sees it."""

    partition: Partition
    id: str


class ListKey(NamedTuple):
    """One caller's clients that match a filter, in the API's order."""

    partition: Partition
    where: ClientFilter


class ResponseKey(NamedTuple):
    """One request body of one caller, byte for byte."""

    partition: Partition
    body: bytes


class CollectionKey(NamedTuple):
    """All of one caller's clients that match a filter of the API, read by one scan."""

    partition: Partition
    where: ClientFilter
    kind: str = "collection"
    """Makes it unequal to a `ListKey`."""


class DerivedKey(NamedTuple):
    """The clients of a collection that match a question."""

    partition: Partition
    where: ClientFilter
    question: Question


Key = EntityKey | ListKey | ResponseKey | CollectionKey | DerivedKey

EntryName = str | ClientFilter | bytes | tuple[object, ...]
"""A key without its partition."""


def name_of(key: Key) -> EntryName:
    """Return a key without its partition: a client's id, a list's filter or a request's body."""
    return key[1] if len(key) == 2 else key[1:]  # noqa: PLR2004 - an id needs no tuple of its own
