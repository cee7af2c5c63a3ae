"""Whether a record carries what was sent, however the API writes it down.

The API documents no normalisation, and APIs tidy: blanks, letter case, Unicode forms, telephone
numbers to E.164, mail domains to ASCII. Two libraries say when two spellings are one value
(libphonenumber; IDNA 2008, RFC 5891), and answers to our own writes say what else this API does.
"""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

import idna
from cachetools import LRUCache
from msgspec import UNSET
from phonenumbers import MatchType, is_number_match

if TYPE_CHECKING:
    from collections.abc import Mapping

    from schema.source.records import ClientRecord

_LEARNT = 1_000
"""Values whose spelling by the API is remembered."""
_ENUMERATED = frozenset({"client_type", "status"})
_SAME_NUMBER = frozenset({MatchType.EXACT_MATCH, MatchType.NSN_MATCH})
_MASKS = frozenset("*•…")
"""What stands in an answer for characters that are not shown."""
_INVISIBLE = frozenset({"Cc", "Cf"})


class ValueMatcher:
    """Compares what was sent with what a record carries; learns from answers to writes."""

    def __init__(self) -> None:
        self._spelt: LRUCache[tuple[str, str], object] = LRUCache(_LEARNT)
        """How the API wrote down a value of a field."""
        self._rewritten: set[str] = set()
        """Fields that the API was seen to store with values of its own."""

    def learn(self, sent: Mapping[str, object], answered: ClientRecord) -> None:
        """Take in what the answer to a write made of the values that were sent."""
        for name, value in sent.items():
            stored = getattr(answered, name)
            if value is UNSET or stored is UNSET or _alike(name, value, stored):
                continue
            self._rewritten.add(name)
            self._spelt[name, str(value)] = stored

    def may_equal(self, record: ClientRecord, sent: Mapping[str, object]) -> bool:
        """Whether the API can mean these values by what `record` carries, or leaves out."""
        return all(
            record.is_missing(frozenset({name})) or self._may_be(name, value, getattr(record, name))
            for name, value in sent.items()
        )

    def differs(self, record: ClientRecord, sent: Mapping[str, object]) -> bool:
        """Whether no tidying makes any of these values what `record` carries in its place.

        A field that merely differs proves nothing: the API may have dropped, cut or rewritten it.
        """
        return any(
            name not in self._rewritten and _unlike(name, value, getattr(record, name))
            for name, value in sent.items()
        )

    def _may_be(self, name: str, sent: object, stored: object) -> bool:
        learnt = (name, str(sent))
        return _alike(name, sent, stored) or (
            learnt in self._spelt and self._spelt[learnt] == stored
        )


def equals(record: ClientRecord, fields: Mapping[str, object]) -> bool:
    """Whether `record` has exactly these values; null and absent are the same."""
    return all(
        (None if (stored := getattr(record, name)) is UNSET else stored) == sent
        for name, sent in fields.items()
    )


def _alike(name: str, sent: object, stored: object) -> bool:
    one, other = _normalized(sent), _normalized(stored)
    if name == "email":
        return _address(one) == _address(other)
    if name == "phone" and one and other:
        if _digits(one) == _digits(other):
            return True
        # Letters that stand for digits are several to a digit: two spellings by them may differ.
        lettered = _vanity(one) and _vanity(other)
        return not lettered and is_number_match(one, other) in _SAME_NUMBER
    return one == other


def _vanity(text: str) -> bool:
    """Whether letters are dialled, other than what announces an extension (`x`, `ext`)."""
    return any(c.isalpha() and c not in "ext" for c in text)


def _unlike(name: str, sent: object, stored: object) -> bool:
    one, other = _normalized(sent), _normalized(stored)
    if not one or not other or _alike(name, sent, stored) or not _MASKS.isdisjoint(other):
        return False
    if name in _ENUMERATED:
        return True
    if name == "phone":
        return is_number_match(one, other) in {
            MatchType.NO_MATCH,
            MatchType.NOT_A_NUMBER,
        } and _apart(_number(one), _number(other))
    return name == "email" and _apart(_letters(one), _letters(other))


def _apart(one: str, other: str) -> bool:
    """Whether neither can be a part of the other: cut off, or without what stood around it."""
    return bool(one) and bool(other) and one not in other and other not in one


def _normalized(value: object) -> str:
    """Text without what APIs tidy of any text: blanks, letter case, Unicode forms."""
    if value is UNSET or value is None:
        return ""
    text = unicodedata.normalize("NFKC", str(value))
    seen = "".join(" " if c.isspace() else c for c in text if _visible(c))
    return " ".join(seen.split()).casefold()


def _visible(character: str) -> bool:
    return character.isspace() or unicodedata.category(character) not in _INVISIBLE


def _address(text: str) -> str:
    """A mail address whose domain is in ASCII."""
    mailbox, at, domain = text.rpartition("@")
    try:
        return mailbox + at + idna.encode(domain, uts46=True).decode()
    except UnicodeError:  # also what IDNA refuses
        return text


def _digits(text: str) -> str:
    return "".join(c for c in text if c.isalnum())


def _number(text: str) -> str:
    """The digits of a telephone number without what is dialled before them."""
    return "".join(c for c in text if c.isdecimal()).lstrip("0")


def _letters(text: str) -> str:
    """What tells one mailbox from another: no dots, no tag (`+crm`)."""
    mailbox, _, domain = _address(text).rpartition("@")
    return "".join(c for c in mailbox.partition("+")[0] if c.isalnum()) + "@" + domain
