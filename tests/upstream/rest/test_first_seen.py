"""Which clients existed before a create, as far as they were read."""

from gateway.api.source import _MAX_CLIENTS, FirstSeen
from schema.source.records import ClientRecord


def test_a_client_counts_from_its_first_reading() -> None:
    now = [10.0]
    seen = FirstSeen(lambda: now[0])
    seen.note([ClientRecord(id="a")])
    now[0] = 20.0
    seen.note([ClientRecord(id="a"), ClientRecord(id="b")])

    assert (seen.before(10), seen.before(15), seen.before(21)) == (set(), {"a"}, {"a", "b"})


def test_the_clients_seen_first_are_forgotten_first() -> None:
    seen = FirstSeen(lambda: 0.0)
    seen.note(ClientRecord(id=str(n)) for n in range(_MAX_CLIENTS + 5))

    assert len(seen.before(1)) == _MAX_CLIENTS
    assert "4" not in seen.before(1)
    assert "5" in seen.before(1)
