"""Changes of clients: merging those of one client, and what a caller may learn of them. Pure."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from schema.source.errors import ClientError, Forbidden, NotFound
from schema.source.records import ClientRecord
from schema.types.enums import ClientChangeKind
from schema.types.scalars import Timestamp

ChangeKind = Literal["created", "updated", "deleted", "unknown"]


@dataclass(slots=True)
class PendingChange:
    """The changes of one client that one caller's subscribers have not received yet, as one."""

    kind: ChangeKind
    at: float
    """When the last of them was learned of: a reading sent since then shows it."""
    wall: float
    """The same in Unix seconds."""
    held: bool
    """Whether the caller held the client before."""
    before: ClientRecord | None = None
    """The client as the caller held it before."""
    own: bool = False
    """Whether it is a write of the caller, whose event has not come back yet."""
    due: float = 0.0
    """When it is to be read, by the event loop's clock."""
    is_announced: bool = False
    """Whether it was delivered without the client as it is after it."""

    def merge(self, later: "PendingChange") -> None:
        """Add a later change of the same client.

        The event of the caller's own write is no later change: the write returned the client.
        """
        if self.own and not later.own and self.kind == later.kind:
            self.own = False
            return
        self.kind = merged_kind(self.kind, later.kind)
        self.at, self.wall, self.own = later.at, later.wall, later.own
        self.held |= later.held
        self.due = min(self.due, later.due)
        self.before = self.before or later.before


def merged_kind(earlier: ChangeKind, later: ChangeKind) -> ChangeKind:
    """Return the kind of two changes together; events may arrive in another order."""
    if "deleted" in {earlier, later}:
        return "deleted" if later in {"deleted", "unknown"} else "updated"
    if "created" in {earlier, later}:
        return "created"
    return "unknown" if earlier == later == "unknown" else "updated"


def kind_after(
    change: PendingChange, reading: ClientRecord | ClientError
) -> ClientChangeKind | None:
    """Return what a caller learns after a reading: None if the client was never theirs to see.

    Without a conclusive reading, only a caller who held the client learns of the change.
    """
    if isinstance(reading, ClientRecord):
        if change.kind == "unknown":
            return ClientChangeKind.UNKNOWN
        is_new = change.kind == "created" and not change.held
        return ClientChangeKind.CREATED if is_new else ClientChangeKind.UPDATED
    if not change.held:
        return None
    if isinstance(reading, NotFound | Forbidden):
        return ClientChangeKind.DELETED
    return ClientChangeKind(change.kind)


def timestamp(wall: float) -> Timestamp:
    """Return Unix seconds as the graph's DateTime, to the millisecond."""
    text = datetime.fromtimestamp(wall, UTC).isoformat(timespec="milliseconds")
    return Timestamp(text.replace("+00:00", "Z"))
