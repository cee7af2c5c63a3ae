"""Fold text, so that case, accents, width and forms of digits do not matter (Unicode, UAX 15)."""

import re
import unicodedata
from functools import lru_cache

WORD = "\x00"
"""Precedes each word in a text split into words."""

_words = re.compile(r"[^\W_]+").findall


def fold(text: str) -> str:
    """Return the text in lower case without accents, in the plain form of each character."""
    if text.isascii():
        return text.lower()
    plain = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    return "".join(map(_fold_character, plain))


@lru_cache(4096)
def _fold_character(character: str) -> str:
    """Return a decomposed character without marks; its base letter by its Unicode name.

    A letter such as `ø` has no decomposition: its name, LATIN SMALL LETTER O WITH STROKE, has.
    """
    if unicodedata.combining(character) or unicodedata.category(character) == "Cf":
        return ""
    if character.isdecimal():
        return str(unicodedata.decimal(character))
    base, _, mark = unicodedata.name(character, "").partition(" WITH ")
    if not (mark and character.isalpha()):
        return character
    try:
        return unicodedata.lookup(base)
    except KeyError:
        return character


def split_words(folded: str) -> str:
    """Return the words of a folded text, each preceded by `WORD`, without what separates them.

    In scripts without spaces each wide character begins a word (UAX 29, 4.1).
    """
    if not folded.isascii():
        folded = "".join(map(_apart, folded))
    found = _words(folded)
    return WORD + WORD.join(found) if found else ""


@lru_cache(4096)
def _apart(character: str) -> str:
    wide = unicodedata.east_asian_width(character) == "W" and character.isalpha()
    return f" {character}" if wide else character


def digits_of(folded: str) -> str:
    """Return the digits of a folded text."""
    return "".join(filter(str.isdigit, folded))
