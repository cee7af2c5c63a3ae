"""Validate the input of a mutation before anything is sent; report every issue at once."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import Any

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


def parse_create(  # noqa: PLR0913, PLR0917 - the input's fields
    first_name: str,
    last_name: str,
    client_type: ClientType,
    email: Any,
    phone: Any,
    idempotency_key: Any = strawberry.UNSET,
) -> NewClient:
    """Return the client to create. Raises `InvalidInput` with every issue; nothing is sent."""
    issues = [*_name("firstName", first_name), *_name("lastName", last_name)]
    if client_type is ClientType.UNKNOWN:
        issues.append(_unknown("clientType"))
    issues += [] if not isinstance(email, str) else _email(email)
    issues += [] if not isinstance(phone, str) else _phone(phone)
    if idempotency_key is None:
        issues.append(_null("idempotencyKey", "to create without one"))
    issues += [] if not isinstance(idempotency_key, str) else _key(idempotency_key)
    _raise_if_any(issues)
    return NewClient(
        first_name=first_name,
        last_name=last_name,
        client_type=str(client_type.value),
        email=UNSET if email is strawberry.UNSET else email,
        phone=UNSET if phone is strawberry.UNSET else phone,
        idempotency_key=None if idempotency_key is strawberry.UNSET else idempotency_key,
    )


def parse_update(  # noqa: PLR0913, PLR0917 - the input's fields
    email: strawberry.Some[str | None] | None,
    phone: strawberry.Some[str | None] | None,
    status: strawberry.Some[ClientStatus | None] | None,
    version: strawberry.Some[int | None] | None = None,
    version_raw: strawberry.Some[str | None] | None = None,
    on_conflict: ClientConflictPolicy = ClientConflictPolicy.FAIL,
) -> ClientPatch:
    """Return the change; absent is not null. Raises `InvalidInput` with every issue found."""
    fields: dict[str, str | None] = {}
    issues: list[Issue] = []
    if email is not None:
        fields["email"] = email.value
        issues += [] if email.value is None else _email(email.value)
    if phone is not None:
        fields["phone"] = phone.value
        issues += [] if phone.value is None else _phone(phone.value)
    if status is not None and status.value is None:
        issues.append(_null("status", "to keep it"))
    elif status is not None and status.value is not None:
        fields["status"] = str(status.value.value)
        issues += [_unknown("status")] if status.value is ClientStatus.UNKNOWN else []
    if not fields and status is None:
        issues.append(Issue(None, "EMPTY", "must change something: pass email, phone or status"))
    expected, issues_found = _version(version, version_raw)
    issues += issues_found
    merge = on_conflict is ClientConflictPolicy.MERGE
    if merge and expected is None and not issues_found:
        issues.append(
            Issue(
                "expectedVersion", "MISSING", "must say which version to merge with: the one read"
            )
        )
    _raise_if_any(issues)
    return ClientPatch(fields=fields, expected_version=expected, merge=merge)


def parse_id(text: str) -> ClientId:
    """Return the id to write to. Raises `NotFound` for an id of no client; nothing is sent."""
    known = client_id(text)
    if known is None:
        raise NotFound("There is no client with this id: a client's id is a UUID.")
    return known
