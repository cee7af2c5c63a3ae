"""Which client a create has made whose answer was lost: decided from the rows seen afterwards."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from gateway.upstream.likeness import may_hold

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Sequence

    from gateway.upstream.api_clock import Lead
    from schema.source import ClientRecord, Fields, NewClient, Sending

TELLING: Fields = frozenset(
    {"first_name", "last_name", "client_type", "email", "phone", "created_at"}
)
"""What must be known of a client to say whether it is the one that was sent."""
GRAIN = 1.0
"""Seconds by which a time written down may have been rounded."""
LATE = 5.0
"""Seconds after we gave up in which the API may still have carried a create out."""


class Span(NamedTuple):
    """From when to when, in Unix seconds."""

    begin: float
    end: float


def span(sending: Sending, lead: Lead) -> Span:
    """When the API's clock may say that the client of a create was created."""
    return Span(sending.began + lead.least - GRAIN, sending.ended + lead.most + LATE)


class Sightings(NamedTuple):
    """Clients that may be the one that was sent, and are not accounted for otherwise."""

    certain: tuple[ClientRecord, ...]
    """Like it, and created while it was under way."""
    unclear: tuple[ClientRecord, ...]
    """Like it as far as they were told, which is not far enough."""

    def only(self, *, complete: bool) -> ClientRecord | None:
        """The client it must be; `complete`: none that could be it was left unread."""
        alone = len(self.certain) == 1 and not self.unclear
        return self.certain[0] if complete and alone else None


def sightings(
    new: NewClient, rows: Iterable[ClientRecord], span: Span, accounted: Container[str]
) -> Sightings:
    """What may have come of `new` among `rows`. `accounted`: ids of what came of other creates."""
    certain, unclear = [], []
    for row in {row.id: row for row in rows}.values():
        if row.id in accounted or not may_hold(row, _fields(new)):
            continue
        at = created_at(row)
        if at is None or row.lacks(TELLING):
            unclear.append(row)
        elif span.begin <= at <= span.end:
            certain.append(row)
    return Sightings(tuple(certain), tuple(unclear))


def created_at(record: ClientRecord) -> float | None:
    """When it says it was created, in Unix seconds; None where it does not say, or not exactly."""
    try:
        at = datetime.fromisoformat(str(record.created_at))
    except ValueError:
        return None
    return None if at.tzinfo is None else at.timestamp()


def reaches_before(begin: float, newest_first: Sequence[ClientRecord]) -> bool:
    """Whether the rows that were not read are all older than `begin`.

    The API documents no order: one is believed only where every row that was read bears it out.
    """
    times = [created_at(row) for row in newest_first]
    known = [at for at in times if at is not None]
    return (
        len(known) == len(times) > 1
        and known == sorted(known, reverse=True)
        and known[-1] < min(begin, known[0])
    )


def _fields(new: NewClient) -> dict[str, object]:
    return {
        "first_name": new.first_name,
        "last_name": new.last_name,
        "client_type": new.client_type,
        "email": new.email,
        "phone": new.phone,
    }
