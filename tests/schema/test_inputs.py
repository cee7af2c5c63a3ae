import pytest
import strawberry
from msgspec import UNSET

from schema.enums import ClientStatus, ClientType
from schema.failures import Invalid, NotFound
from schema.inputs import new_client, patch, written_id
from schema.source import ClientPatch, NewClient


def issues_of(refused: pytest.ExceptionInfo[Invalid]) -> list[tuple[str | None, str]]:
    return [(issue.field, issue.code) for issue in refused.value.issues]


def test_a_new_client_carries_what_was_given_and_nothing_else() -> None:
    found = new_client("Ada", "Lovelace", ClientType.BUYER, strawberry.UNSET, None)

    assert found == NewClient("Ada", "Lovelace", "buyer", email=UNSET, phone=None)


def test_every_issue_of_a_new_client_is_told_at_once() -> None:
    with pytest.raises(Invalid) as refused:
        new_client(" ", "x" * 201, ClientType.UNKNOWN, "nobody", "call me")

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
    with pytest.raises(Invalid) as refused:
        new_client("Ada", "Lovelace", ClientType.BUYER, email, None)

    assert issues_of(refused) == [("email", "NOT_AN_EMAIL")]


@pytest.mark.parametrize("email", ["ada@example.com", "a.b+c@sub.example.co.uk", "jörg@exämple.de"])
def test_ordinary_addresses_are_taken(email: str) -> None:
    assert new_client("Ada", "Lovelace", ClientType.BUYER, email, None).email == email


@pytest.mark.parametrize(
    ("name", "code"), [("A\x00da", "CONTROL_CHARACTER"), ("A\ud800", "NOT_UNICODE")]
)
def test_a_name_that_cannot_be_sent_is_refused(name: str, code: str) -> None:
    with pytest.raises(Invalid) as refused:
        new_client(name, "Lovelace", ClientType.BUYER, None, None)

    assert issues_of(refused) == [("firstName", code)]


def test_absent_is_not_null_in_a_patch() -> None:
    assert patch(strawberry.Some(None), None, None, 3) == ClientPatch({"email": None}, 3)
    assert patch(None, None, strawberry.Some(ClientStatus.CLOSED), None) == ClientPatch(
        {"status": "closed"}
    )


def test_a_patch_that_changes_nothing_is_refused() -> None:
    with pytest.raises(Invalid) as refused:
        patch(None, None, None, 3)

    assert issues_of(refused) == [(None, "EMPTY")]


def test_a_version_below_one_cannot_have_been_read() -> None:
    with pytest.raises(Invalid) as refused:
        patch(strawberry.Some("a@b.c"), None, None, 0)

    assert issues_of(refused) == [("expectedVersion", "TOO_SMALL")]


def test_what_is_no_uuid_names_no_client_to_write_to() -> None:
    with pytest.raises(NotFound):
        written_id("../users")
