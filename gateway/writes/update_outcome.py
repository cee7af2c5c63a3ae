"""What an update has come to whose answer was lost: decided from the client as it is now."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

from gateway.writes.matching import equals
from gateway.writes.merge import changed_fields
from schema.source.errors import Conflict, WriteUnconfirmed
from schema.source.records import Confirmation, WriteResult

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gateway.writes.matching import ValueMatcher
    from schema.source.records import ClientPatch, ClientRecord


class UpdateOutcome(Enum):
    """Whether a change was made."""

    APPLIED = "DONE"
    """The client is as the change would have left it."""
    SUPERSEDED = "OVERTAKEN"
    """The next version is certainly not ours: ours was not made, and cannot be any more."""
    AMBIGUOUS = "BURIED"
    """The versions since may be ours, or have ours among them."""
    UNKNOWN = "UNKNOWN"
    """It was not made yet, or cannot be told from what others did."""


def update_outcome(
    patch: ClientPatch, current: ClientRecord, likeness: ValueMatcher
) -> UpdateOutcome:
    """What became of `patch`, all attempts to send which have ended, given a later reading.

    API page, Update client: `version` is the current one, for optimistic locking. A change
    sent with version n makes version n + 1 or nothing. A field that differs from ours proves no
    other writer by itself, since the API may have tidied it. Without a version only a client that
    is exactly as wanted tells anything.
    """
    expected, version = patch.expected_version, current.version
    if expected is None:
        return UpdateOutcome.APPLIED if equals(current, patch.fields) else UpdateOutcome.UNKNOWN
    if not isinstance(version, int) or version <= expected:
        return UpdateOutcome.UNKNOWN
    if version > expected + 1:
        return UpdateOutcome.AMBIGUOUS
    if likeness.may_equal(current, patch.fields):
        return UpdateOutcome.APPLIED
    return (
        UpdateOutcome.SUPERSEDED
        if likeness.differs(current, patch.fields)
        else UpdateOutcome.AMBIGUOUS
    )


def resolve_lost_update(
    patch: ClientPatch, current: ClientRecord, lost: WriteUnconfirmed, likeness: ValueMatcher
) -> WriteResult:
    """What a later reading says of a change whose answer was lost, one way or the other."""
    known = update_outcome(patch, current, likeness)
    if known is UpdateOutcome.APPLIED:
        return WriteResult(current, Confirmation.READBACK)
    if known is UpdateOutcome.UNKNOWN:
        raise unconfirmed(lost, [current])
    raise Conflict(
        "The client changed since you read it. Nothing was written."
        if known is UpdateOutcome.SUPERSEDED
        else "The client changed since you read it. The answer to your change was lost: it may be"
        " among the changes since.",
        expected_version=patch.expected_version,
        current=current,
        maybe_written=known is UpdateOutcome.AMBIGUOUS,
    )


def with_changed_fields(conflict: Conflict, patch: ClientPatch, likeness: ValueMatcher) -> Conflict:
    """The conflict as the writer sees it: since the version they had read.

    Where the very next version is as wanted, it may be theirs: a proxy that repeats a PUT hands
    on the answer to the second one (RFC 9110, 9.2.2).
    """
    current = conflict.current
    if current is not None and conflict.expected_version == patch.expected_version:
        conflict.maybe_written |= update_outcome(patch, current, likeness) is UpdateOutcome.APPLIED
    conflict.expected_version = patch.expected_version
    if patch.base is not None and conflict.current is not None:
        conflict.changed = changed_fields(patch.base, conflict.current)
    return conflict


def unconfirmed(lost: WriteUnconfirmed, candidates: Sequence[ClientRecord]) -> WriteUnconfirmed:
    """The same lost write, with what was found where it may have gone."""
    return WriteUnconfirmed(lost.message, attempt_id=lost.attempt_id, candidates=candidates)
