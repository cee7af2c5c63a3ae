"""What an update has come to whose answer was lost: decided from the client as it is now."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

from gateway.upstream.likeness import holds
from gateway.upstream.merge import changed
from schema.failures import Conflict, Unconfirmed
from schema.source import Confirmation, Written

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gateway.upstream.likeness import Likeness
    from schema.source import ClientPatch, ClientRecord


class Verdict(Enum):
    """Whether a change was made."""

    DONE = "DONE"
    """The client is as the change would have left it."""
    OVERTAKEN = "OVERTAKEN"
    """The next version is certainly not ours: ours was not made, and cannot be any more."""
    BURIED = "BURIED"
    """The versions since may be ours, or have ours among them."""
    UNKNOWN = "UNKNOWN"
    """It was not made yet, or cannot be told from what others did."""


def verdict(patch: ClientPatch, current: ClientRecord, likeness: Likeness) -> Verdict:
    """What became of `patch`, all attempts to send which have ended, given a later reading.

    API page, Update client: `version` is the current one, for optimistic locking. A change
    sent with version n makes version n + 1 or nothing. A field that differs from ours proves no
    other writer by itself, since the API may have tidied it. Without a version only a client that
    is exactly as wanted tells anything.
    """
    expected, version = patch.expected_version, current.version
    if expected is None:
        return Verdict.DONE if holds(current, patch.fields) else Verdict.UNKNOWN
    if not isinstance(version, int) or version <= expected:
        return Verdict.UNKNOWN
    if version > expected + 1:
        return Verdict.BURIED
    if likeness.may_hold(current, patch.fields):
        return Verdict.DONE
    return Verdict.OVERTAKEN if likeness.cannot_hold(current, patch.fields) else Verdict.BURIED


def settled(
    patch: ClientPatch, current: ClientRecord, lost: Unconfirmed, likeness: Likeness
) -> Written:
    """What a later reading says of a change whose answer was lost, one way or the other."""
    known = verdict(patch, current, likeness)
    if known is Verdict.DONE:
        return Written(current, Confirmation.READBACK)
    if known is Verdict.UNKNOWN:
        raise unconfirmed(lost, [current])
    raise Conflict(
        "The client changed since you read it. Nothing was written."
        if known is Verdict.OVERTAKEN
        else "The client changed since you read it. The answer to your change was lost: it may be"
        " among the changes since.",
        expected_version=patch.expected_version,
        current=current,
        maybe_written=known is Verdict.BURIED,
    )


def explained(conflict: Conflict, patch: ClientPatch, likeness: Likeness) -> Conflict:
    """The conflict as the writer sees it: since the version they had read.

    Where the very next version is as wanted, it may be theirs: a proxy that repeats a PUT hands
    on the answer to the second one (RFC 9110, 9.2.2).
    """
    current = conflict.current
    if current is not None and conflict.expected_version == patch.expected_version:
        conflict.maybe_written |= verdict(patch, current, likeness) is Verdict.DONE
    conflict.expected_version = patch.expected_version
    if patch.base is not None and conflict.current is not None:
        conflict.changed = changed(patch.base, conflict.current)
    return conflict


def unconfirmed(lost: Unconfirmed, candidates: Sequence[ClientRecord]) -> Unconfirmed:
    """The same lost write, with what was found where it may have gone."""
    return Unconfirmed(lost.message, attempt_id=lost.attempt_id, candidates=candidates)
