from gateway.connections import BUSY, LARGE, LATE, Crowd, Patience


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


def test_what_a_connection_is_turned_away_with_is_a_whole_answer() -> None:
    for answer in (BUSY, LATE, LARGE):
        head, _, body = answer.partition(b"\r\n\r\n")
        assert b"connection: close" in head.split(b"\r\n")
        assert b"content-length: %d" % len(body) in head.split(b"\r\n")
        assert body.startswith(b'{"errors":[{"message":')
