from gateway.http1.limits import Crowd, Patience


def test_no_address_takes_more_than_its_share_and_all_together_no_more_than_there_are() -> None:
    crowd = Crowd(Patience(connections=5, per_address=2))

    taken = [crowd.enter(address) for address in ("a", "a", "a", "b", "b", "c", "d")]

    assert taken == [True, True, False, True, True, True, False]


def test_whoever_leaves_makes_room_for_another_of_its_address() -> None:
    crowd = Crowd(Patience(connections=2, per_address=1))
    assert crowd.enter("a")
    assert not crowd.enter("a")

    crowd.leave("a")

    assert crowd.enter("a")
    assert crowd.enter("b")
    assert not crowd.enter("c")


def test_bytes_held_have_one_limit_together_and_what_is_let_go_makes_room() -> None:
    crowd = Crowd(Patience(held_bytes=100))

    assert [crowd.hold(60), crowd.hold(40), crowd.hold(1)] == [True, True, False]
    assert crowd.hold(-51)
    assert crowd.hold(50)


def test_few_connections_that_were_refused_stay_open_for_a_moment() -> None:
    crowd = Crowd(Patience(farewells=2))

    assert [crowd.linger() for _ in range(3)] == [True, True, False]
    crowd.lingered()
    assert crowd.linger()
