"""One projection of resolved values into an answer: its errors, and what it found lacking."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from graphql import GraphQLError, located_error

from schema.loaders import ClientKey
from schema.source.records import ClientId

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from graphql import FieldNode

    from schema.source.records import ClientRecord, Fields

Path = tuple["Path | None", str | int]
"""Where a value stands in the answer, innermost key last, linked to the place around it."""


class CompletionContext:
    """What one pass over resolved values finds wrong.

    A record that lacks what is shown of it is noted in `lacking`: once that is in `completed`,
    the values are projected again, and only that pass counts.
    """

    def __init__(self, completed: Mapping[ClientKey, ClientRecord | BaseException]) -> None:
        self.errors: list[GraphQLError] = []
        self.lacking: dict[ClientKey, None] = {}
        self._completed = completed

    def record(self, record: ClientRecord, reads: Fields) -> ClientRecord | None:
        """The record, completed where it lacks any of `reads`; None where it is not yet."""
        if not record.is_missing(reads):
            return record
        wanted = ClientKey(ClientId(record.id), reads)
        found = self._completed.get(wanted)
        if found is None:
            self.lacking[wanted] = None
        if isinstance(found, BaseException):
            raise found
        return found

    def failed(
        self, error: Exception, nodes: Sequence[FieldNode], path: Path, *, required: bool
    ) -> None:
        """Note why there is no value at `path`; raises on where null may not stand there.

        GraphQL, 6.4.4 Handling Execution Errors.
        """
        located = located_error(error, nodes, listed(path))
        if required:
            raise located
        self.errors.append(located)


class StrictContext(CompletionContext):
    """Takes nothing amiss: whatever is unusual is raised, and told again by the general way."""

    def __init__(self) -> None:
        super().__init__({})

    def record(self, record: ClientRecord, reads: Fields) -> ClientRecord:
        """The record, which may lack nothing."""
        if record.is_missing(reads):
            raise LookupError(record.id)
        return record

    def failed(
        self, error: Exception, nodes: Sequence[FieldNode], path: Path, *, required: bool
    ) -> NoReturn:
        """Raise it."""
        del nodes, path, required
        raise error


ROOT_PATH: Path = (None, "")
STRICT = StrictContext()
"""For values that are told again, at their place, should anything be amiss."""


def listed(path: Path | None) -> list[str | int]:
    """A path as an answer tells it, from the outside in."""
    keys: list[str | int] = []
    while path is not None:
        path, key = path
        keys.append(key)
    keys.reverse()
    return keys
