"""The words of a search, and the text of a client in which they must occur."""

import re
import unicodedata
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

from gateway.search.folding import WORD, digits_of, fold, split_words
from schema.source.records import ClientRecord
from schema.source.search import SearchIn

_terms = re.compile(r'"([^"]*)"?|([^\s"]+)').findall
_may_be_phone = re.compile(r"[\d\s()+./-]+").fullmatch
_END = "\x01"
"""Follows each tag, so that no match spans two."""


class Term(NamedTuple):
    """A word or quoted phrase of a search, folded."""

    words: str
    """Its words, each preceded by `WORD`."""
    raw: str
    """With its punctuation, as an e-mail address may contain it."""
    digits: str
    """Its digits if it may be a part of a phone number."""


class SearchText(NamedTuple):
    """The text of one client that terms are compared with, folded."""

    name: str
    email: str
    phone: str
    tags: str
    notes: str


def parse_terms(search: str) -> tuple[Term, ...]:
    """Return the terms of a search; one without a letter or digit is none.

    A quotation mark that is not closed yet quotes the rest.
    """
    plain = "".join(map(_straight, search))
    terms = [_term(fold((quoted or word).strip())) for quoted, word in _terms(plain)]
    return tuple(dict.fromkeys(term for term in terms if term.words))


@lru_cache(1024)
def _straight(character: str) -> str:
    """Return the plain form of a quotation mark, as a phone writes it."""
    if character.isascii():
        return character
    return '"' if "DOUBLE QUOTATION MARK" in unicodedata.name(character, "") else character


def _term(folded: str) -> Term:
    return Term(split_words(folded), folded, digits_of(folded) if _may_be_phone(folded) else "")


def search_text(record: ClientRecord, *, with_notes: bool) -> SearchText:
    """Return the text of a client."""
    names = (record.first_name, record.last_name)
    name = " ".join(part for part in names if isinstance(part, str))
    email, phone, tags = record.email, record.phone, record.tags
    notes = record.notes if with_notes else None
    return SearchText(
        split_words(fold(name)),
        fold(email) if isinstance(email, str) else "",
        digits_of(fold(phone)) if isinstance(phone, str) else "",
        "".join(split_words(fold(str(tag))) + _END for tag in tags or ()),
        split_words(fold(notes)) if isinstance(notes, str) else "",
    )


def compile_term(term: Term, within: frozenset[SearchIn]) -> Callable[[SearchText], bool]:
    """Return the function that decides if a term occurs in a client's text."""
    needles = {
        SearchIn.NAME: term.words,
        SearchIn.EMAIL: term.raw,
        SearchIn.PHONE: term.digits,
        SearchIn.TAGS: term.words[1:],
        SearchIn.NOTES: term.words,
    }
    looked_for = [
        (place, needle)
        for place, (part, needle) in enumerate(needles.items())
        if part in within and needle
    ]

    def occurs(text: SearchText) -> bool:
        for place, needle in looked_for:  # noqa: SIM110 - a generator takes twice the time
            if needle in text[place]:
                return True
        return False

    return occurs


def relevance(terms: tuple[Term, ...], text: SearchText) -> int:
    """Return how far a client is from what was searched for: 0 for whole words of its name.

    Each term adds 0 for a whole word or a whole address, 1 for the beginning of a word, else 2.
    """
    name = text.name + WORD
    rank = 0
    for term in terms:
        if term.words + WORD in name or term.raw == text.email or term.digits == text.phone != "":
            continue
        rank += 1 if term.words in name else 2
    return rank
