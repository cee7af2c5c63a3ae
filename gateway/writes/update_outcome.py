"""Decide the outcome of an update without a response, from the client's current state."""

from collections.abc import Sequence
from enum import Enum, auto

from gateway.writes.matching import ValueMatcher, equals
from gateway.writes.merge import changed_fields
from schema.source.errors import Conflict, WriteUnconfirmed
from schema.source.records import ClientRecord
from schema.source.writes import ClientPatch, Confirmation, WriteResult


class UpdateOutcome(Enum):
    """Whether an update was applied."""

    APPLIED = auto()
    """The client is in the state that the update produces."""
    SUPERSEDED = auto()
    """The next version is certainly another update: this one was not and cannot be applied."""
    AMBIGUOUS = auto()
    """The later versions may be this update, or include it."""
    UNKNOWN = auto()
    """The update was not applied yet, or is indistinguishable from other updates."""


def update_outcome(
    patch: ClientPatch, current: ClientRecord, matcher: ValueMatcher
) -> UpdateOutcome:
    """Return the outcome of `patch`, given a record read after all attempts to send it ended.

    API page, Update client: `version` is the current one, for optimistic locking. An update sent
    with version n makes version n + 1 or nothing. A field that differs does not prove another
    writer, since the API may have normalised it. Without a version only a client in exactly the
    patched state is evidence.
    """
    expected, version = patch.expected_version, current.version
    if expected is None:
        return UpdateOutcome.APPLIED if equals(current, patch.fields) else UpdateOutcome.UNKNOWN
    if not isinstance(version, int) or version <= expected:
        return UpdateOutcome.UNKNOWN
    if version > expected + 1:
        return UpdateOutcome.AMBIGUOUS
    if matcher.may_equal(current, patch.fields):
        return UpdateOutcome.APPLIED
    return (
        UpdateOutcome.SUPERSEDED
        if matcher.differs(current, patch.fields)
        else UpdateOutcome.AMBIGUOUS
    )


def resolve_lost_update(
    patch: ClientPatch, current: ClientRecord, lost: WriteUnconfirmed, matcher: ValueMatcher
) -> WriteResult:
    """Return the result of an update without a response, from a later read, or raise its error."""
    known = update_outcome(patch, current, matcher)
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


def with_changed_fields(conflict: Conflict, patch: ClientPatch, matcher: ValueMatcher) -> Conflict:
    """Return the conflict relative to the version that the author of `patch` had read.

    If the next version is in the patched state, it may be this update: a proxy that repeats a PUT
    forwards the response to the second one (RFC 9110, 9.2.2).
    """
    current = conflict.current
    if current is not None and conflict.expected_version == patch.expected_version:
        conflict.maybe_written |= update_outcome(patch, current, matcher) is UpdateOutcome.APPLIED
    conflict.expected_version = patch.expected_version
    if patch.base is not None and conflict.current is not None:
        conflict.changed = changed_fields(patch.base, conflict.current)
    return conflict


def unconfirmed(lost: WriteUnconfirmed, candidates: Sequence[ClientRecord]) -> WriteUnconfirmed:
    """Return the same error with the candidates that were found."""
    return WriteUnconfirmed(lost.message, attempt_id=lost.attempt_id, candidates=candidates)
