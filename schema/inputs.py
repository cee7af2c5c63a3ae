"""Validate the input of a mutation before anything is sent; report every issue at once."""

import re
import unicodedata
from collections.abc import Iterator

import strawberry
from msgspec import UNSET

from schema.source.errors import InvalidInput, Issue, NotFound
from schema.source.records import ClientId, client_id
from schema.source.writes import ClientPatch, NewClient
from schema.types.enums import ClientConflictPolicy, ClientStatus, ClientType

MAX_NAME = 200
MAX_EMAIL = 254
MAX_PHONE = 50
MAX_KEY = 200
"""Lengths in characters.

The API documents none (RFC 5321, 4.5.3.1.3 for e-mail): the limits keep input that cannot be valid
from costing a call.
"""

_DIGITS = re.compile(r"[1-9][0-9]{0,18}").fullmatch
_MAX_VERSION = 2**63 - 1
"""The largest version that can be sent: a signed 64-bit integer."""
_CONTROLS = frozenset({"Cc", "Zl", "Zp"})
"""Categories of control characters and of line and paragraph separators (Unicode, 4.5)."""
_VISIBLE = frozenset("LNPS")
"""Categories whose characters are visible by themselves; a mark is visible only on a base."""
_INVISIBLE = frozenset("\u115f\u1160\u3164\uffa0\u2800\U0001d159")
"""Invisible letters and symbols: Hangul fillers, the empty Braille pattern, a null note."""

_INVALID_INPUT = "The input was refused. Nothing was sent."


@strawberry.input(description="A new client; the API takes these fields and no others.")
class CreateClientInput:
    """API page, Create new client: request body."""

    first_name: str = strawberry.field(description="Given name; not blank.")
    last_name: str = strawberry.field(description="Family name; not blank.")
    client_type: ClientType = strawberry.field(description="Buyer, seller or both.")
    email: str | None = strawberry.field(default=strawberry.UNSET, description="E-mail address.")
    phone: str | None = strawberry.field(
        default=strawberry.UNSET, description="Phone number, free form."
    )
    idempotency_key: str | None = strawberry.field(
        default=strawberry.UNSET,
        description=(
            "Your key for this create, such as a UUID for each click. For a create with the same"
            " key within 24 hours, the gateway returns the same client as it is then, sets"
            " `replayed` to true and creates no second one. UUIDs in capitals are the same key."
        ),
    )


@strawberry.input(
    description=(
        "The fields to change. An omitted field stays as it is; null requests the API to clear it."
        " The API allows no other field to be changed."
    )
)
class UpdateClientInput:
    """API page, Update client: request body."""

    id: strawberry.ID = strawberry.field(description="The client's UUID.")
    expected_version: strawberry.Maybe[int | None] = strawberry.field(
        description=(
            "The `version` you read: another writer's change is then never overwritten. Leave it"
            " out to overwrite; null is refused."
        )
    )
    expected_version_raw: strawberry.Maybe[str | None] = strawberry.field(
        description="The `versionRaw` that you read, instead of `expectedVersion`."
    )
    email: strawberry.Maybe[str | None] = strawberry.field(description="E-mail address.")
    phone: strawberry.Maybe[str | None] = strawberry.field(description="Phone number, free form.")
    status: strawberry.Maybe[ClientStatus | None] = strawberry.field(
        description="State of the relationship; null is refused."
    )
    on_conflict: ClientConflictPolicy = strawberry.field(
        default=ClientConflictPolicy.FAIL,
        description="What to do if the client is no longer at `expectedVersion`.",
    )


@strawberry.input(description="The client to delete.")
class DeleteClientInput:
    """API page, Delete client."""

    id: strawberry.ID = strawberry.field(description="The client's UUID.")


def _text(field: str, value: str, longest: int) -> Iterator[Issue]:
    if len(value) > longest:
        yield Issue(field, "TOO_LONG", f"must have at most {longest} characters, not {len(value)}")
    kinds = {unicodedata.category(character) for character in value}
    if not kinds.isdisjoint(_CONTROLS):
        yield Issue(field, "CONTROL_CHARACTER", "must not contain control characters")
    if "Cs" in kinds:
        yield Issue(field, "NOT_UNICODE", "must be valid Unicode")


def _is_blank(value: str) -> bool:
    """Return True if the text has no visible letter, number, punctuation or symbol."""
    return not any(
        unicodedata.category(character)[0] in _VISIBLE and character not in _INVISIBLE
        for character in value
    )


def _name(field: str, value: str) -> Iterator[Issue]:
    if _is_blank(value):
        yield Issue(field, "BLANK", "must not be blank")
    yield from _text(field, value, MAX_NAME)


def _email(value: str) -> Iterator[Issue]:
    local, at, domain = value.rpartition("@")
    well_formed = bool(local and at and "." in domain.strip(".")) and not any(
        unicodedata.category(character)[0] in "CZ" for character in value
    )
    if not well_formed or domain.startswith(".") or domain.endswith(".") or "@" in local:
        yield Issue("email", "NOT_AN_EMAIL", "must look like name@example.com")
    yield from _text("email", value, MAX_EMAIL)


def _phone(value: str) -> Iterator[Issue]:
    if not any(character.isdecimal() for character in value):
        yield Issue("phone", "NOT_A_PHONE_NUMBER", "must contain digits")
    yield from _text("phone", value, MAX_PHONE)


def _key(value: str) -> Iterator[Issue]:
    if _is_blank(value):
        yield Issue("idempotencyKey", "BLANK", "must not be blank: a UUID made for each click fits")
    yield from _text("idempotencyKey", value, MAX_KEY)


def _null(field: str, instead: str) -> Issue:
    return Issue(field, "NULL", f"must not be null: leave it out {instead}")


def _version(
    version: strawberry.Some[int | None] | None, raw: strawberry.Some[str | None] | None
) -> tuple[int | None, list[Issue]]:
    """Return the version to change, None for any, and the issues found in it."""
    field = "expectedVersion" if raw is None else "expectedVersionRaw"
    given = version if raw is None else raw
    if given is None:
        return None, []
    value = given.value
    if version is not None and raw is not None:
        issue = Issue(field, "TWICE", "must not stand beside `expectedVersion`: pass one of them")
    elif value is None:
        issue = _null(field, "to overwrite whatever version there is")
    elif isinstance(value, str) and (_DIGITS(value) is None or int(value) > _MAX_VERSION):
        issue = Issue(field, "NOT_A_VERSION", "must be a `versionRaw` as it was read: digits")
    elif int(value) < 1:
        issue = Issue(field, "TOO_SMALL", "must be 1 or more")
    else:
        return int(value), []
    return None, [issue]


def _unknown(field: str) -> Issue:
    return Issue(field, "UNKNOWN_VALUE", "must be one of the values the API knows, not UNKNOWN")


def _raise_if_any(issues: list[Issue]) -> None:
    if issues:
        raise InvalidInput(_INVALID_INPUT, issues=issues)


def parse_create(given: CreateClientInput) -> NewClient:
    """Return the client to create. Raises `InvalidInput` with every issue; nothing is sent."""
    email, phone, key = given.email, given.phone, given.idempotency_key
    issues = [*_name("firstName", given.first_name), *_name("lastName", given.last_name)]
    if given.client_type is ClientType.UNKNOWN:
        issues.append(_unknown("clientType"))
    issues += _email(email) if isinstance(email, str) else ()
    issues += _phone(phone) if isinstance(phone, str) else ()
    if key is None:
        issues.append(_null("idempotencyKey", "to create without one"))
    issues += _key(key) if isinstance(key, str) else ()
    _raise_if_any(issues)
    return NewClient(
        first_name=given.first_name,
        last_name=given.last_name,
        client_type=str(given.client_type.value),
        email=UNSET if email is strawberry.UNSET else email,
        phone=UNSET if phone is strawberry.UNSET else phone,
        idempotency_key=None if key is strawberry.UNSET else key,
    )


def parse_update(given: UpdateClientInput) -> ClientPatch:
    """Return the change; absent is not null. Raises `InvalidInput` with every issue found."""
    fields: dict[str, str | None] = {}
    issues: list[Issue] = []
    status = given.status
    if given.email is not None:
        fields["email"] = given.email.value
        issues += [] if given.email.value is None else _email(given.email.value)
    if given.phone is not None:
        fields["phone"] = given.phone.value
        issues += [] if given.phone.value is None else _phone(given.phone.value)
    if status is not None and status.value is None:
        issues.append(_null("status", "to keep it"))
    elif status is not None and status.value is not None:
        fields["status"] = str(status.value.value)
        issues += [_unknown("status")] if status.value is ClientStatus.UNKNOWN else []
    if not fields and status is None:
        issues.append(Issue(None, "EMPTY", "must change something: pass email, phone or status"))
    expected, issues_found = _version(given.expected_version, given.expected_version_raw)
    issues += issues_found
    merge = given.on_conflict is ClientConflictPolicy.MERGE
    if merge and expected is None and not issues_found:
        reason = "must say which version to merge with: the one read"
        issues.append(Issue("expectedVersion", "MISSING", reason))
    _raise_if_any(issues)
    return ClientPatch(fields=fields, expected_version=expected, merge=merge)


def parse_id(text: str) -> ClientId:
    """Return the id to write to. Raises `NotFound` for an id of no client; nothing is sent."""
    known = client_id(text)
    if known is None:
        raise NotFound("There is no client with this id: a client's id is a UUID.")
    return known
