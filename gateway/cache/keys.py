"""Names of what is remembered. None can be made without a caller."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from schema.operation import Caller
    from schema.source import ClientFilter


@dataclass(frozen=True, slots=True, init=False)
class Partition:
    """Whose memory: the only way to one is through a caller, and it keeps no credential."""

    name: str

    def __init__(self, caller: Caller) -> None:
        object.__setattr__(self, "name", caller.partition)


@dataclass(frozen=True, slots=True)
class EntityKey:
    """One client, as one caller sees it."""

    partition: Partition
    id: str


@dataclass(frozen=True, slots=True)
class ListKey:
    """One caller's clients that match a filter, in the API's order."""

    partition: Partition
    where: ClientFilter


@dataclass(frozen=True, slots=True)
class AnswerKey:
    """One question as one caller asked it, byte for byte."""

    partition: Partition
    asked: bytes


Key = EntityKey | ListKey | AnswerKey
