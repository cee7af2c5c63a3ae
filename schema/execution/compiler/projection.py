"""The state of one completion pass: its errors and the records that lack fields."""

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
"""A path in the response: the innermost key last, linked to the path of its parent."""


class CompletionContext:
    """The errors and incomplete records found in one pass over resolved values.

    A record that lacks a selected field is added to `incomplete`. After its detail is in
    `completed`, the values are completed again, and only the last pass counts.
    """

    def __init__(self, completed: Mapping[ClientKey, ClientRecord | BaseException]) -> None:
        self.errors: list[GraphQLError] = []
        self.incomplete: dict[ClientKey, None] = {}
        self._completed = completed

    def record(self, record: ClientRecord, reads: Fields) -> ClientRecord | None:
        """Return the record with all of `reads`; None if its detail has not been read yet."""
        if not record.is_missing(reads):
            return record
        key = ClientKey(ClientId(record.id), reads)
        found = self._completed.get(key)
        if found is None:
            self.incomplete[key] = None
        if isinstance(found, BaseException):
            raise found
        return found

    def failed(
        self, error: Exception, nodes: Sequence[FieldNode], path: Path, *, required: bool
    ) -> None:
        """Add an error at `path`; raise it if null is an error there.

        GraphQL, 6.4.4 Handling Execution Errors.
        """
        located = located_error(error, nodes, as_list(path))
        if required:
            raise located
        self.errors.append(located)


class StrictContext(CompletionContext):
    """A context that raises at the first unusual value; the general completion then runs."""

    def __init__(self) -> None:
        super().__init__({})

    def record(self, record: ClientRecord, reads: Fields) -> ClientRecord:
        """Return the record; raise `LookupError` if it lacks any of `reads`."""
        if record.is_missing(reads):
            raise LookupError(record.id)
        return record

    def failed(
        self, error: Exception, nodes: Sequence[FieldNode], path: Path, *, required: bool
    ) -> NoReturn:
        """Raise the error."""
        del nodes, path, required
        raise error


ROOT_PATH: Path = (None, "")
STRICT = StrictContext()
"""For values that are completed again at their path if this pass raises."""


def as_list(path: Path | None) -> list[str | int]:
    """Return a path as a response shows it, outermost key first."""
    keys: list[str | int] = []
    while path is not None:
        path, key = path
        keys.append(key)
    keys.reverse()
    return keys
