import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.web.protocol.strict_json import (
    InvalidJSON,
    JSONLimits,
    count_keys_within,
    loads,
    reject_duplicate_keys,
)

WIDE = JSONLimits(depth=50, string=10**6, values=10**6)


def read(text: bytes, bounds: JSONLimits = WIDE) -> object:
    value = loads(text)
    reject_duplicate_keys(text, count_keys_within(value, bounds))
    return value


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b"NaN",
        b'{"a":Infinity}',
        b'{"a":-Infinity}',
        b'{"a":1e999}',
        b"1" * 5_000,
        b"01",
        b"[1,]",
        b"{'a':1}",
        b"1 2",
        b'"\xff"',
        b'"\\ud800"',
        b'"\\udc00\\ud800"',
        b'"\xed\xa0\x80"',
        b'"\x00"',
        b"\xef\xbb\xbf{}",
        '{"a":1}'.encode("utf-16"),
        '{"a":1}'.encode("utf-32"),
        b"[" * 100_000,
        b'{"a":' * 5_000 + b"1" + b"}" * 5_000,
    ],
)
def test_what_is_not_strictly_json_is_refused(text: bytes) -> None:
    with pytest.raises(InvalidJSON, match="is not JSON"):
        read(text)


@pytest.mark.parametrize(
    "text",
    [
        b'{"a":1,"a":2}',
        b'{"a":1,"\\u0061":2}',
        b'{"a" : 1, "a"\n:2}',
        b'{"a":{"b":[{"c":1},{"c":1,"c":2}]}}',
        b'{"a":"\\":","a":2}',
        b'{"":1,"":2}',
        b'{"a":"x","a":"\\\\"}',
    ],
)
def test_a_name_twice_in_one_object_is_refused_wherever_it_is(text: bytes) -> None:
    with pytest.raises(InvalidJSON, match="a name twice"):
        read(text)


@pytest.mark.parametrize(
    "text",
    [
        b'{"a":"b\\":c","d":":::"}',
        b'{"a": {"a": {"a": 1}}, "b": [{"a": 1}, {"a": 1}]}',
        b'{"\\"a\\":":"\\\\","\\\\":1}',
        b'{ "a" : "\\" :" , "b" : "\\":\\":" }',
        b"[]",
        b'"a\\":"',
    ],
)
def test_what_only_looks_like_a_name_is_none(text: bytes) -> None:
    assert read(text) == json.loads(text)


NAMES = st.text('ab":\\ ', max_size=6)
VALUES: Any = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text('ab":\\,{}[] \t\né🏃'),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=12,
)


@given(VALUES, st.sampled_from([None, 2]), st.booleans())
def test_every_value_is_read_as_it_was_written(
    value: object,
    indent: int | None,
    ascii: bool,  # noqa: FBT001
) -> None:
    text = json.dumps(value, indent=indent, ensure_ascii=ascii).encode()

    assert read(text) == value


@given(st.dictionaries(NAMES, VALUES, min_size=1, max_size=4), st.integers(0, 3))
def test_every_repeated_name_is_found(value: dict[str, Any], which: int) -> None:
    name = sorted(value)[which % len(value)]
    text = json.dumps(value)[:-1] + f", {json.dumps(name)}: 1}}"

    with pytest.raises(InvalidJSON, match="a name twice"):
        read(text.encode())


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([[1]], None),
        ([[[1]]], "more than 2 levels"),
        ({"a": {"b": {}}}, "more than 2 levels"),
        ("é" * 5, None),
        ("é" * 6, "a string of 6 characters, and 5 are allowed"),
        ({"a": ["a" * 6]}, "a string of 6 characters"),
        ([1] * 9, None),
        ([1] * 10, "more than 10 values"),
        ({"a": [1] * 5, "b": [1] * 5}, "more than 10 values"),
    ],
)
def test_what_is_too_large_is_refused_with_the_bound(value: object, message: str | None) -> None:
    bounds = JSONLimits(depth=2, string=5, values=10)

    if message is None:
        count_keys_within(value, bounds)
    else:
        with pytest.raises(InvalidJSON, match=message):
            count_keys_within(value, bounds)
