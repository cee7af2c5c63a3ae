"""Whether a record says what was sent, however the API likes to write it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import UNSET

if TYPE_CHECKING:
    from collections.abc import Mapping

    from schema.source import ClientRecord


def holds(record: ClientRecord, fields: Mapping[str, object]) -> bool:
    """Whether `record` has exactly these values; null and absent are the same."""
    return all(
        (None if (told := getattr(record, name)) is UNSET else told) == sent
        for name, sent in fields.items()
    )


def may_hold(record: ClientRecord, fields: Mapping[str, object]) -> bool:
    """Whether the API can mean these values by what `record` says, or leaves unsaid.

    It documents no normalisation, so none is held against it: spaces around a value, the case
    of an e-mail address, the punctuation of a phone number, null for empty.
    """
    return all(
        record.lacks(frozenset({name})) or _plain(name, sent) == _plain(name, getattr(record, name))
        for name, sent in fields.items()
    )


def _plain(name: str, value: object) -> str:
    if value is UNSET or value is None:
        return ""
    text = str(value).strip()
    if name == "email":
        return text.casefold()
    if name == "phone":
        return "".join(character for character in text if character.isalnum())
    return text
