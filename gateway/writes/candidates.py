"""Find the clients that a create without a response may have made."""

from collections.abc import Container, Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from msgspec import UNSET

from gateway.writes.matching import ValueMatcher
from schema.source.records import ClientRecord, Fields
from schema.source.writes import ClockSkew, NewClient, SendInterval

IDENTIFYING_FIELDS: Fields = frozenset(
    {"first_name", "last_name", "client_type", "email", "phone", "created_at"}
)
"""The fields needed to decide whether a client is the one that was sent."""
TIMESTAMP_PRECISION = 1.0
"""Seconds by which a stored timestamp may be rounded."""
LATE_ARRIVAL = 5.0
"""Seconds after the request was abandoned in which the API may still execute it."""
DAY = 86_400.0
"""Seconds by which the API's clock, or its time zone, may be wrong at most."""
MAX_SIMILAR = 10
"""Similar clients returned at most, the newest first."""


class CreationInterval(NamedTuple):
    """The interval of possible creation times, in Unix seconds."""

    begin: float
    end: float


def creation_interval(sending: SendInterval, skew: ClockSkew) -> CreationInterval:
    """Return when, by the API's clock, the client of a create may have been created."""
    return CreationInterval(
        sending.began + skew.least - TIMESTAMP_PRECISION, sending.ended + skew.most + LATE_ARRIVAL
    )


class Candidates(NamedTuple):
    """Clients that may be the one that was sent, and that no other create accounts for."""

    certain: tuple[ClientRecord, ...]
    """Clients with the values sent, created in the interval."""
    unclear: tuple[ClientRecord, ...]
    """Clients that match in all known fields, of which some are missing."""
    similar: tuple[ClientRecord, ...] = ()
    """Clients with the same mail address or name, not seen before; never a certain match."""

    def only(self, *, complete: bool) -> ClientRecord | None:
        """Return the only possible client; `complete` if no possible row was left unread."""
        single = len(self.certain) == 1 and not self.unclear
        return self.certain[0] if complete and single else None


class Search(NamedTuple):
    """What is known before the search about the client to be found."""

    new: NewClient
    matcher: ValueMatcher
    accounted: Container[str] = ()
    """Ids of the clients of other creates."""
    seen: Container[str] = ()
    """Ids of clients that existed before the create."""


def find_candidates(
    search: Search, rows: Iterable[ClientRecord], interval: CreationInterval
) -> Candidates:
    """Return the clients among `rows` that the create may have made."""
    certain, unclear, similar = [], [], []
    for row in {row.id: row for row in rows}.values():
        if row.id in search.accounted:
            continue
        at = created_at(row)
        if search.matcher.may_equal(row, fields_of(search.new)):
            if at is None or row.is_missing(IDENTIFYING_FIELDS):
                unclear.append(row)
                continue
            if interval.begin <= at <= interval.end:
                certain.append(row)
                continue
        recent = at is None or abs(at - interval.begin) < DAY
        if recent and row.id not in search.seen and _is_similar(search, row):
            similar.append(row)
    similar.sort(key=lambda row: created_at(row) or 0.0, reverse=True)
    return Candidates(tuple(certain), tuple(unclear), tuple(similar[:MAX_SIMILAR]))


def _is_similar(search: Search, row: ClientRecord) -> bool:
    """Return True if the mail address, or the name, is the same."""
    fields = fields_of(search.new)
    address = {name: value for name, value in fields.items() if name == "email" and value}
    name = {key: value for key, value in fields.items() if key in {"first_name", "last_name"}}
    return any(
        sent and not row.is_missing(frozenset(sent)) and search.matcher.may_equal(row, sent)
        for sent in (address, name)
    )


def created_at(record: ClientRecord) -> float | None:
    """Return the creation time in Unix seconds; None if it is absent or has no time zone."""
    try:
        at = datetime.fromisoformat(str(record.created_at))
    except ValueError:
        return None
    return None if at.tzinfo is None else at.timestamp()


def covers_since(begin: float, newest_first: Sequence[ClientRecord]) -> bool:
    """Return True if all rows that were not read are older than `begin`.

    The API documents no order. Descending order is assumed only if every row that was read confirms
    it.
    """
    times = [created_at(row) for row in newest_first]
    known = [at for at in times if at is not None]
    return (
        len(known) == len(times) > 1
        and known == sorted(known, reverse=True)
        and known[-1] < min(begin, known[0])
    )


def fields_of(new: NewClient) -> dict[str, object]:
    """Return the fields that are sent to create the client; UNSET for those left out."""
    return {"email": UNSET, "phone": UNSET, **new.fields}
