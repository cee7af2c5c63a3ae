from schema.operation import Audience


def test_a_read_is_given_up_only_when_all_who_wait_for_it_have_left() -> None:
    first, second = Audience(), Audience()
    read = Audience(first)
    assert read.join(second)

    first.leave()
    assert not read.dismiss()

    second.leave()
    assert read.dismiss()


def test_who_joins_in_time_keeps_a_read_alive() -> None:
    first, second = Audience(), Audience()
    read = Audience(first)
    first.leave()

    assert read.join(second)
    assert not read.dismiss()


def test_a_read_that_was_given_up_takes_nobody_in_any_more() -> None:
    first = Audience()
    read = Audience(first)
    first.leave()
    assert read.dismiss()

    assert not read.join(Audience())


def test_whoever_never_left_waits() -> None:
    assert not Audience().dismiss()
    assert not Audience(Audience(Audience())).dismiss()
