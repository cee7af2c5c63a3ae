import pytest

from gateway.web.protocol.tracing import buffered_entropy, trace_from

TRACE, PARENT = b"4bf92f3577b34da6a3ce929d0e0e4736", b"00f067aa0ba902b7"


def ones(length: int) -> bytes:
    return b"1" * length


@pytest.mark.parametrize(
    ("sent", "answered"),
    [
        ([b"%b-%b" % (b"00", TRACE) + b"-" + PARENT + b"-01"], TRACE + b"-" + b"1" * 16 + b"-01"),
        ([b"00-" + TRACE + b"-" + PARENT + b"-00"], TRACE + b"-" + b"1" * 16 + b"-00"),
        ([b"00-" + TRACE + b"-" + PARENT + b"-ff"], TRACE + b"-" + b"1" * 16 + b"-01"),
        ([b"cc-" + TRACE + b"-" + PARENT + b"-01-more"], TRACE + b"-" + b"1" * 16 + b"-01"),
        ([b"00-" + TRACE + b"-" + PARENT + b"-01-more"], None),
        ([b"ff-" + TRACE + b"-" + PARENT + b"-01"], None),
        ([b"00-" + TRACE.upper() + b"-" + PARENT + b"-01"], None),
        ([b"00-" + b"0" * 32 + b"-" + PARENT + b"-01"], None),
        ([b"00-" + TRACE + b"-" + b"0" * 16 + b"-01"], None),
        ([b"00-" + TRACE[1:] + b"-" + PARENT + b"-01"], None),
        ([b"00-" + TRACE + b"-" + PARENT + b"-01\r\nx: y"], None),
        ([b"00-" + TRACE + b"-" + PARENT + b"-01"] * 2, None),
        ([b""], None),
        ([], None),
    ],
)
def test_a_valid_trace_is_continued_and_anything_else_starts_one(
    sent: list[bytes], answered: bytes | None
) -> None:
    trace = trace_from({b"traceparent": sent}, ones)

    assert trace.traceparent == b"00-" + (answered or b"1" * 32 + b"-" + b"1" * 16 + b"-00")


@pytest.mark.parametrize(
    ("sent", "taken"),
    [
        ([b"a-request.1"], "a-request.1"),
        ([b"a" * 128], "a" * 128),
        ([b"a" * 129], None),
        ([b""], None),
        ([b"two words"], None),
        ([b'"quoted"'], None),
        ([b"caf\xe9"], None),
        ([b"a\nb"], None),
        ([b"one", b"two"], None),
        ([], None),
    ],
)
def test_a_plain_request_id_is_kept_and_anything_else_gets_a_new_one(
    sent: list[bytes], taken: str | None
) -> None:
    assert trace_from({b"x-request-id": sent}, ones).request_id == (taken or "1" * 32)


def test_a_request_without_an_id_is_called_by_its_trace() -> None:
    parent = b"00-" + TRACE + b"-" + PARENT + b"-01"

    assert trace_from({b"traceparent": [parent]}, ones).request_id == TRACE.decode()


def test_no_two_requests_are_called_the_same() -> None:
    assert len({trace_from({}).request_id for _ in range(100)}) == 100


def test_no_byte_of_what_was_drawn_is_given_twice() -> None:
    lengths: list[int] = []

    def source(length: int) -> bytes:
        lengths.append(length)
        return bytes(range(sum(lengths[:-1]), sum(lengths)))

    draw = buffered_entropy(source, at_once=5)

    assert [draw(length) for length in (2, 3, 2, 6)] == [
        b"\x00\x01",
        b"\x02\x03\x04",
        b"\x05\x06",
        b"\x0a\x0b\x0c\x0d\x0e\x0f",
    ]
    assert lengths == [5, 5, 6]
