"""The calls that a gateway may send while it cannot reach the server."""

from gateway.storage.shared.lease import LEASE_SECONDS, Lease
from schema.source.request_context import Priority


def a_lease(amount: int) -> Lease:
    lease = Lease()
    lease.renew("1", amount, used_before=0, renewed_at=100.0)
    return lease


def taken(lease: Lease, priority: Priority, at: float) -> int:
    return sum(lease.take(priority, at) for _ in range(100))


def test_a_quarter_of_a_lease_is_left_to_writes() -> None:
    lease = a_lease(20)

    assert taken(lease, Priority.INTERACTIVE, 101) == 15
    assert taken(lease, Priority.WRITE, 101) == 5


def test_a_lease_ends() -> None:
    assert taken(a_lease(20), Priority.WRITE, 100 + LEASE_SECONDS) == 0


def test_a_new_gateway_has_none() -> None:
    assert taken(Lease(), Priority.WRITE, 0) == 0


def test_calls_sent_while_a_lease_was_renewed_count_as_the_new_one() -> None:
    lease = a_lease(20)
    assert taken(lease, Priority.INTERACTIVE, 101) == 15
    before = lease.used
    assert lease.take(Priority.WRITE, 101)

    lease.renew("2", 4, used_before=before, renewed_at=101)

    assert (lease.used, lease.left(102)) == (1, 3)


def test_a_429_holds_the_lease_back() -> None:
    lease = a_lease(20)

    lease.shut(30, 101)

    assert (lease.left(130), lease.left(131)) == (0, 20)
