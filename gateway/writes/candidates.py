"""Which client a create has made whose answer was lost: decided from the rows seen afterwards."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Sequence

    from gateway.transport.clock_skew import ClockSkew
    from gateway.writes.matching import ValueMatcher
    from schema.source.records import ClientRecord, Fields, NewClient, SendInterval

IDENTIFYING_FIELDS: Fields = frozenset(
    {"first_name", "last_name", "client_type", "email", "phone", "created_at"}
)
"""What must be known of a client to say whether it is the one that was sent."""
TIMESTAMP_PRECISION = 1.0
"""Seconds by which a time written down may have been rounded."""
LATE_ARRIVAL = 5.0
"""Seconds after we gave up in which the API may still have carried a create out."""
DAY = 86_400.0
"""Seconds by which an API's clock, or its time zone, may be wrong at most."""
SHOWN = 10
"""Clients shown that are only somewhat like the one that was sent, the newest first."""


class CreationInterval(NamedTuple):
    """From when to when, in Unix seconds."""

    begin: float
    end: float


def creation_interval(sending: SendInterval, lead: ClockSkew) -> CreationInterval:
    """When the API's clock may say that the client of a create was created."""
    return CreationInterval(
        sending.began + lead.least - TIMESTAMP_PRECISION, sending.ended + lead.most + LATE_ARRIVAL
    )


class Candidates(NamedTuple):
    """Clients that may be the one that was sent, and are not accounted for otherwise."""

    certain: tuple[ClientRecord, ...]
    """Like it, and created while it was under way."""
    unclear: tuple[ClientRecord, ...]
    """Like it as far as they were told, which is not far enough."""
    akin: tuple[ClientRecord, ...] = ()
    """Of the same address or the same name, and not seen before: never it for certain."""

    def only(self, *, complete: bool) -> ClientRecord | None:
        """The client it must be; `complete`: none that could be it was left unread."""
        alone = len(self.certain) == 1 and not self.unclear
        return self.certain[0] if complete and alone else None


class Search(NamedTuple):
    """What is known beforehand of the client that is looked for."""

    new: NewClient
    likeness: ValueMatcher
    accounted: Container[str] = ()
    """Ids of what came of other creates."""
    seen: Container[str] = ()
    """Ids of clients that were there before this one can have been."""


def find_candidates(
    search: Search, rows: Iterable[ClientRecord], span: CreationInterval
) -> Candidates:
    """What may have come of a create among `rows`."""
    certain, unclear, akin = [], [], []
    for row in {row.id: row for row in rows}.values():
        if row.id in search.accounted:
            continue
        at = created_at(row)
        if search.likeness.may_equal(row, fields_of(search.new)):
            if at is None or row.is_missing(IDENTIFYING_FIELDS):
                unclear.append(row)
                continue
            if span.begin <= at <= span.end:
                certain.append(row)
                continue
        recent = at is None or abs(at - span.begin) < DAY
        if recent and row.id not in search.seen and _akin(search, row):
            akin.append(row)
    akin.sort(key=lambda row: created_at(row) or 0.0, reverse=True)
    return Candidates(tuple(certain), tuple(unclear), tuple(akin[:SHOWN]))


def _akin(search: Search, row: ClientRecord) -> bool:
    """Whether it has the same mail address, or the same name."""
    fields = fields_of(search.new)
    address = {name: value for name, value in fields.items() if name == "email" and value}
    name = {key: value for key, value in fields.items() if key in {"first_name", "last_name"}}
    return any(
        sent and not row.is_missing(frozenset(sent)) and search.likeness.may_equal(row, sent)
        for sent in (address, name)
    )


def created_at(record: ClientRecord) -> float | None:
    """When it says it was created, in Unix seconds; None where it does not say, or not exactly."""
    try:
        at = datetime.fromisoformat(str(record.created_at))
    except ValueError:
        return None
    return None if at.tzinfo is None else at.timestamp()


def covers_since(begin: float, newest_first: Sequence[ClientRecord]) -> bool:
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


def fields_of(new: NewClient) -> dict[str, object]:
    """What is sent to create it."""
    return {
        "first_name": new.first_name,
        "last_name": new.last_name,
        "client_type": new.client_type,
        "email": new.email,
        "phone": new.phone,
    }
