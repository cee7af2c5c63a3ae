from typing import Any

import pytest
import strawberry
from msgspec import UNSET
from strawberry import Some

from schema import inputs
from schema.inputs import CreateClientInput, UpdateClientInput, parse_id
from schema.source.errors import InvalidInput, NotFound
from schema.source.writes import ClientPatch, NewClient
from schema.types.enums import ClientConflictPolicy, ClientStatus, ClientType

CREATE = ("first_name", "last_name", "client_type", "email", "phone", "idempotency_key")


def parse_create(*values: Any) -> NewClient:
    """The client of an input with these fields, in the order of the graph."""
    return inputs.parse_create(CreateClientInput(**dict(zip(CREATE, values, strict=False))))


def parse_update(
    email: Any, phone: Any, status: Any, version: Any = None, version_raw: Any = None, **more: Any
) -> ClientPatch:
    """The change of an input with these fields, in the order of the graph."""
    return inputs.parse_update(
        UpdateClientInput(
            id=strawberry.ID(""),
            email=email,
            phone=phone,
            status=status,
            expected_version=version,
            expected_version_raw=version_raw,
            **more,
        )
    )


def issues_of(refused: pytest.ExceptionInfo[InvalidInput]) -> list[tuple[str | None, str]]:
    return [(issue.field, issue.code) for issue in refused.value.issues]


def test_a_new_client_carries_what_was_given_and_nothing_else() -> None:
    found = parse_create("Ada", "Lovelace", ClientType.BUYER, strawberry.UNSET, None)

    assert found == NewClient("Ada", "Lovelace", "buyer", email=UNSET, phone=None)


def test_every_issue_of_a_new_client_is_reported_at_once() -> None:
    with pytest.raises(InvalidInput) as refused:
        parse_create(" ", "x" * 201, ClientType.UNKNOWN, "nobody", "call me")

    assert issues_of(refused) == [
        ("firstName", "BLANK"),
        ("lastName", "TOO_LONG"),
        ("clientType", "UNKNOWN_VALUE"),
        ("email", "NOT_AN_EMAIL"),
        ("phone", "NOT_A_PHONE_NUMBER"),
    ]


@pytest.mark.parametrize(
    "email", ["", "a", "a@", "@b.c", "a@b", "a b@c.d", "a@b@c.d", "a@.c", "a@c."]
)
def test_an_email_must_look_like_one(email: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        parse_create("Ada", "Lovelace", ClientType.BUYER, email, None)

    assert issues_of(refused) == [("email", "NOT_AN_EMAIL")]


@pytest.mark.parametrize("email", ["ada@example.com", "a.b+c@sub.example.co.uk", "jörg@exämple.de"])
def test_ordinary_addresses_are_taken(email: str) -> None:
    assert parse_create("Ada", "Lovelace", ClientType.BUYER, email, None).email == email


@pytest.mark.parametrize(
    ("name", "code"), [("A\x00da", "CONTROL_CHARACTER"), ("A\ud800", "NOT_UNICODE")]
)
def test_a_name_that_cannot_be_sent_is_refused(name: str, code: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        parse_create(name, "Lovelace", ClientType.BUYER, None, None)

    assert issues_of(refused) == [("firstName", code)]


def test_absent_is_not_null_in_a_patch() -> None:
    assert parse_update(Some(None), None, None, Some(3)) == ClientPatch({"email": None}, 3)
    assert parse_update(None, None, Some(ClientStatus.CLOSED)) == ClientPatch({"status": "closed"})


def test_a_patch_that_changes_nothing_is_refused() -> None:
    with pytest.raises(InvalidInput) as refused:
        parse_update(None, None, None, Some(3))

    assert issues_of(refused) == [(None, "EMPTY")]


def test_a_version_below_one_cannot_have_been_read() -> None:
    with pytest.raises(InvalidInput) as refused:
        parse_update(Some("a@b.c"), None, None, Some(0))

    assert issues_of(refused) == [("expectedVersion", "TOO_SMALL")]


@pytest.mark.parametrize(
    ("given", "issue"),
    [
        ({"version": Some(None)}, ("expectedVersion", "NULL")),
        ({"version_raw": Some(None)}, ("expectedVersionRaw", "NULL")),
        ({"version": Some(1), "version_raw": Some("1")}, ("expectedVersionRaw", "TWICE")),
        ({"status": Some(None)}, ("status", "NULL")),
        ({"on_conflict": ClientConflictPolicy.MERGE}, ("expectedVersion", "MISSING")),
        *(
            ({"version_raw": Some(text)}, ("expectedVersionRaw", "NOT_A_VERSION"))
            for text in (
                "",
                "0",
                "-1",
                "+1",
                "1.0",
                "1e3",
                " 1",
                "01",
                "\u0661",
                "9" * 19,
                str(2**63),
                "9" * 9_999,
            )
        ),
    ],
)
def test_what_would_switch_a_protection_off_in_silence_is_refused(
    given: dict[str, Any], issue: tuple[str, str]
) -> None:
    with pytest.raises(InvalidInput) as refused:
        parse_update(Some("a@b.cd"), None, **({"status": None} | given))

    assert issues_of(refused) == [issue]


def test_a_version_that_int_cannot_hold_is_given_in_digits() -> None:
    versions = [2**31, 2**63 - 1]

    found = [parse_update(Some(None), None, None, version_raw=Some(str(each))) for each in versions]

    assert found == [ClientPatch({"email": None}, each) for each in versions]


def test_a_key_that_is_null_is_refused_and_one_left_out_is_not() -> None:
    def made(key: Any) -> NewClient:
        return parse_create("A", "B", ClientType.BUYER, strawberry.UNSET, strawberry.UNSET, key)

    with pytest.raises(InvalidInput) as refused:
        made(None)

    assert issues_of(refused) == [("idempotencyKey", "NULL")]
    assert made(strawberry.UNSET).idempotency_key is None


INVISIBLE = {
    "nothing": "",
    "spaces of all widths": " \u00a0\u2003\u202f\u3000",
    "zero width": "\u200b\u200c\u200d\u2060\ufeff",
    "bidi marks": "\u200e\u200f\u061c\u202a\u202c\u2066\u2069",
    "a soft hyphen": "\u00ad",
    "combining marks alone": "\u0301\u0308\u20dd",
    "variation selectors": "\ufe0f\U000e0100",
    "tags": "\U000e0041\U000e007f",
    "the empty Braille pattern": "\u2800",
    "Hangul fillers": "\u115f\u1160\u3164\uffa0",
    "Mongolian and Khmer inherents": "\u180e\u17b4\u17b5\u180b",
    "a joiner of graphemes": "\u034f",
    "a null note head": "\U0001d159",
    "noncharacters": "\ufdd0\uffff",
}


@pytest.mark.parametrize("value", INVISIBLE.values(), ids=INVISIBLE)
def test_what_cannot_be_seen_is_blank(value: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        parse_create(value, value, ClientType.BUYER, None, None, value)

    assert issues_of(refused) == [
        ("firstName", "BLANK"),
        ("lastName", "BLANK"),
        ("idempotencyKey", "BLANK"),
    ]


@pytest.mark.parametrize(
    "name",
    [
        "Ada",
        " Ada ",
        "é",
        "e\u0301",
        "\u0645\u06cc\u200c\u062e",
        "李",
        "नी",
        "🙂",
        "-",
        "X Æ A-12",
        "O\u2019",
    ],
)
def test_a_name_with_something_to_see_is_sent_as_it_came(name: str) -> None:
    assert parse_create(name, "B", ClientType.BUYER, None, None).first_name == name


@pytest.mark.parametrize("name", ["A\nB", "A\u2028B", "A\u2029B", "A\x85B", "A\x7f"])
def test_a_name_is_one_line(name: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        parse_create(name, "B", ClientType.BUYER, None, None)

    assert issues_of(refused) == [("firstName", "CONTROL_CHARACTER")]


@pytest.mark.parametrize("email", ["a\u200b@b.cd", "a@b\u00ad.cd", "\ufeffa@b.cd", "a@b.\u2028cd"])
def test_an_address_holds_nothing_that_cannot_be_seen(email: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        parse_create("A", "B", ClientType.BUYER, email, None)

    assert ("email", "NOT_AN_EMAIL") in issues_of(refused)


@pytest.mark.parametrize("phone", ["²", "½", "①", "call me"])
def test_digits_of_a_phone_number_are_decimal(phone: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        parse_create("A", "B", ClientType.BUYER, None, phone)

    assert issues_of(refused) == [("phone", "NOT_A_PHONE_NUMBER")]


def test_what_is_no_uuid_names_no_client_to_write_to() -> None:
    with pytest.raises(NotFound):
        parse_id("../users")
