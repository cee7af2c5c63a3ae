"""What an update has come to whose answer was lost: decided from the client as it is now."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

from gateway.upstream.likeness import holds, may_hold

if TYPE_CHECKING:
    from schema.source import ClientPatch, ClientRecord


class Verdict(Enum):
    """Whether a change was made."""

    DONE = "DONE"
    """The client is as the change would have left it."""
    OVERTAKEN = "OVERTAKEN"
    """Somebody else made the next version: ours was not made, and cannot be any more."""
    BURIED = "BURIED"
    """There are several versions since, and ours may be among them."""
    UNKNOWN = "UNKNOWN"
    """It was not made yet, or cannot be told from what others did."""


def verdict(patch: ClientPatch, current: ClientRecord) -> Verdict:
    """What became of `patch`, all attempts to send which have ended, given a later reading.

    API page, Update client: `version` is the current one, for optimistic locking. A change
    sent with version n makes version n + 1 or nothing. Without a version only a client that is
    exactly as wanted tells anything.
    """
    expected, version = patch.expected_version, current.version
    if expected is None:
        return Verdict.DONE if holds(current, patch.fields) else Verdict.UNKNOWN
    if not isinstance(version, int) or version <= expected:
        return Verdict.UNKNOWN
    if version > expected + 1:
        return Verdict.BURIED
    return Verdict.DONE if may_hold(current, patch.fields) else Verdict.OVERTAKEN
