"""Names of what is remembered. None can be made without a caller."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Self

if TYPE_CHECKING:
    from schema.source.records import ClientFilter
    from schema.source.request_context import Caller


class Partition(str):
    """Whose memory: the only way to one is through a caller, and it keeps no credential."""

    __slots__ = ()

    def __new__(cls, caller: Caller) -> Self:
        """The caller's."""
        return str.__new__(cls, caller.partition)

    @classmethod
    def claimed(cls, caller: Caller) -> Self | None:
        """That of the user whom an unproven token names: for forgetting, never for reading."""
        return None if caller.claimed is None else str.__new__(cls, caller.claimed)

    @classmethod
    def alone(cls, credential: str) -> Self:
        """That of a credential by itself, by its hash: for forgetting, never for reading."""
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
    """One question as one caller asked it, byte for byte."""

    partition: Partition
    body: bytes


Key = EntityKey | ListKey | ResponseKey
