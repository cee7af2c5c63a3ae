from schema.source.request_context import Waiters


def test_a_read_is_given_up_only_when_all_who_wait_for_it_have_left() -> None:
    first, second = Waiters(), Waiters()
    read = Waiters(first)
    assert read.join(second)

    first.leave()
    assert not read.abandon()

    second.leave()
    assert read.abandon()


def test_who_joins_in_time_keeps_a_read_alive() -> None:
    first, second = Waiters(), Waiters()
    read = Waiters(first)
    first.leave()

    assert read.join(second)
    assert not read.abandon()


def test_a_read_that_was_given_up_is_not_joined_any_more() -> None:
    first = Waiters()
    read = Waiters(first)
    first.leave()
    assert read.abandon()

    assert not read.join(Waiters())


def test_a_credential_that_never_left_waits() -> None:
    assert not Waiters().abandon()
    assert not Waiters(Waiters(Waiters())).abandon()
