from gateway.server.http1.limits import ConnectionCounter, ConnectionLimits


def test_no_address_takes_more_than_its_share_and_all_together_no_more_than_there_are() -> None:
    crowd = ConnectionCounter(ConnectionLimits(max_connections=5, max_per_address=2))

    taken = [crowd.acquire(address) for address in ("a", "a", "a", "b", "b", "c", "d")]

    assert taken == [True, True, False, True, True, True, False]


def test_a_connection_that_leaves_makes_room_for_another_of_its_address() -> None:
    crowd = ConnectionCounter(ConnectionLimits(max_connections=2, max_per_address=1))
    assert crowd.acquire("a")
    assert not crowd.acquire("a")

    crowd.release("a")

    assert crowd.acquire("a")
    assert crowd.acquire("b")
    assert not crowd.acquire("c")


def test_bytes_held_have_one_limit_together_and_what_is_let_go_makes_room() -> None:
    crowd = ConnectionCounter(ConnectionLimits(max_held_bytes=100))

    assert [crowd.hold(60), crowd.hold(40), crowd.hold(1)] == [True, True, False]
    assert crowd.hold(-51)
    assert crowd.hold(50)


def test_few_connections_that_were_refused_stay_open_for_a_moment() -> None:
    crowd = ConnectionCounter(ConnectionLimits(max_lingering=2))

    assert [crowd.linger() for _ in range(3)] == [True, True, False]
    crowd.lingered()
    assert crowd.linger()
