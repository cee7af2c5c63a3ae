"""Compare the values that were sent with those of a record, whatever spelling the API stores.

The API documents no normalisation. APIs normalise whitespace, letter case, Unicode forms, telephone
numbers to E.164 and mail domains to ASCII. Two libraries define when two spellings are one value
(libphonenumber; IDNA 2008, RFC 5891). Responses to our own writes show what else this API does.
"""

import unicodedata
from collections.abc import Mapping

import idna
from cachetools import LRUCache
from msgspec import UNSET

from schema.source.records import ClientRecord

MAX_SPELLINGS = 1_000
"""Values whose stored spelling is remembered."""
_ENUMERATED = frozenset({"client_type", "status"})
_MASKS = frozenset("*•…")
"""Characters that APIs put in place of hidden ones."""
_INVISIBLE = frozenset({"Cc", "Cf"})


class ValueMatcher:
    """Compares sent values with stored ones; learns spellings from responses to writes."""

    def __init__(self) -> None:
        self._stored_as: LRUCache[tuple[str, str], object] = LRUCache(MAX_SPELLINGS)
        """The API's spelling, by field and sent value."""
        self._rewritten: set[str] = set()
        """Fields in which the API was seen to store another value than the one sent."""

    def learn(self, sent: Mapping[str, object], response: ClientRecord) -> None:
        """Record how the response to a write spells the values that were sent."""
        for name, value in sent.items():
            stored = getattr(response, name)
            if value is UNSET or stored is UNSET or _same(name, value, stored):
                continue
            self._rewritten.add(name)
            self._stored_as[name, str(value)] = stored

    def may_equal(self, record: ClientRecord, sent: Mapping[str, object]) -> bool:
        """Return True if `record` may hold these values; missing fields match."""
        return all(
            record.is_missing(frozenset({name}))
            or _same(name, value, stored := getattr(record, name))
            or self._stored_as.get((name, str(value)), UNSET) == stored
            for name, value in sent.items()
        )

    def differs(self, record: ClientRecord, sent: Mapping[str, object]) -> bool:
        """Return True if no normalisation turns one of these values into the stored one.

        A difference alone proves nothing: the API may have dropped, truncated or rewritten the
        value.
        """
        return any(
            name not in self._rewritten and _surely_different(name, value, getattr(record, name))
            for name, value in sent.items()
        )


def equals(record: ClientRecord, fields: Mapping[str, object]) -> bool:
    """Return True if `record` has exactly these values; null and absent are equal."""
    return all(
        (None if (stored := getattr(record, name)) is UNSET else stored) == sent
        for name, sent in fields.items()
    )


def _same(name: str, sent: object, stored: object) -> bool:
    one, other = _normalized(sent), _normalized(stored)
    if name == "email":
        return _address(one) == _address(other)
    if name == "phone" and one and other:
        if _digits(one) == _digits(other):
            return True
        # A digit has several vanity letters: the library equates different vanity numbers.
        lettered = _has_vanity_letters(one) and _has_vanity_letters(other)
        return not lettered and _is_same_number(one, other) is True
    return one == other


def _is_same_number(one: str, other: str) -> bool | None:
    """Return whether both are the same telephone number; None if one may be a part of the other."""
    from phonenumbers import MatchType, is_number_match  # noqa: PLC0415 - large, and rarely used

    match = is_number_match(one, other)
    if match in {MatchType.EXACT_MATCH, MatchType.NSN_MATCH}:
        return True
    return False if match in {MatchType.NO_MATCH, MatchType.NOT_A_NUMBER} else None


def _has_vanity_letters(text: str) -> bool:
    """Return True if the number has letters other than those of an extension (`x`, `ext`)."""
    return any(c.isalpha() and c not in "ext" for c in text)


def _surely_different(name: str, sent: object, stored: object) -> bool:
    one, other = _normalized(sent), _normalized(stored)
    if not one or not other or _same(name, sent, stored) or not _MASKS.isdisjoint(other):
        return False
    if name in _ENUMERATED:
        return True
    if name == "phone":
        return _is_same_number(one, other) is False and _apart(_number(one), _number(other))
    return name == "email" and _apart(_mailbox_key(one), _mailbox_key(other))


def _apart(one: str, other: str) -> bool:
    """Return True if neither text is a part of the other: truncated, or without its context."""
    return bool(one) and bool(other) and one not in other and other not in one


def _normalized(value: object) -> str:
    """Return the text without differences of whitespace, letter case and Unicode form."""
    if value is UNSET or value is None:
        return ""
    text = unicodedata.normalize("NFKC", str(value))
    shown = (c for c in text if c.isspace() or unicodedata.category(c) not in _INVISIBLE)
    return " ".join("".join(shown).split()).casefold()


def _address(text: str) -> str:
    """Return a mail address with its domain in ASCII."""
    mailbox, at, domain = text.rpartition("@")
    try:
        return mailbox + at + idna.encode(domain, uts46=True).decode()
    except UnicodeError:  # includes the errors of IDNA
        return text


def _digits(text: str) -> str:
    return "".join(c for c in text if c.isalnum())


def _number(text: str) -> str:
    """Return the digits of a telephone number without leading zeros."""
    return "".join(c for c in text if c.isdecimal()).lstrip("0")


def _mailbox_key(text: str) -> str:
    """Return the part that identifies a mailbox: no dots, no tag (`+crm`)."""
    mailbox, _, domain = _address(text).rpartition("@")
    return "".join(c for c in mailbox.partition("+")[0] if c.isalnum()) + "@" + domain
