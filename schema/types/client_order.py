"""The order of clients, and what a search looks into: inputs and their meaning."""

import re
from enum import Enum

import strawberry

from schema.source.errors import InvalidInput
from schema.source.search import RELEVANCE, SearchIn, SortKey
from schema.types.enums import member

MAX_KEYS = 5
"""Largest number of keys of an order."""
MAX_SEARCH, MAX_WORDS = 200, 20
"""Largest number of characters of a search, and of words."""
_words = re.compile(r'[^\s"\u201c\u201d]+').findall
"""Quotation marks separate words as spaces do."""


@strawberry.enum(description="A key to sort clients by. A client without a value is last.")
class ClientOrderField(Enum):
    FIRST_NAME = member("first_name", "By `firstName`.")
    LAST_NAME = member("last_name", "By `lastName`.")
    FULL_NAME = member("full_name", "By `fullName`.")
    EMAIL = member("email", "By `email`.")
    CLIENT_TYPE = member("client_type", "By `clientTypeRaw`.")
    STATUS = member("status", "By `statusRaw`.")
    SOURCE = member("source", "By `source`.")
    BUDGET_MIN = member("budget_min", "By `budgetMin`.")
    BUDGET_MAX = member("budget_max", "By `budgetMax`.")
    PRE_APPROVAL_AMOUNT = member("pre_approval_amount", "By `preApprovalAmount`.")
    CREATED_AT = member("created_at", "By `createdAt`.")
    UPDATED_AT = member("updated_at", "By `updatedAt`.")
    RELEVANCE = member(RELEVANCE, "By how well it matches `search`; with ASC the best is first.")


@strawberry.enum(name="ClientOrderDirection", description="The direction of a sort key.")
class OrderDirection(Enum):
    ASC = member("ASC", "The smallest first.")
    DESC = member("DESC", "The largest first.")


@strawberry.enum(description="A part of a client that `search` looks into.")
class ClientSearchField(Enum):
    NAME = member("NAME", "The beginning of a word of the name.")
    EMAIL = member("EMAIL", "Any part of the e-mail address.")
    PHONE = member("PHONE", "Any digits of the phone number.")
    TAGS = member("TAGS", "Any part of a tag.")
    NOTES = member("NOTES", "The beginning of a word of the notes.")


@strawberry.input(name="ClientOrder", description="A sort key of clients and its direction.")
class ClientOrderInput:
    field: ClientOrderField = strawberry.field(description="What to sort by.")
    direction: OrderDirection = strawberry.field(
        default=OrderDirection.ASC, description="The direction; clients without a value stay last."
    )


def sort_keys(given: list[ClientOrderInput], *, searched: bool) -> tuple[SortKey, ...]:
    """Return the keys of an order. Raises `InvalidInput`; nothing is sent."""
    keys = tuple(
        SortKey(str(each.field.value), each.direction is OrderDirection.DESC) for each in given
    )
    if len(keys) > MAX_KEYS or len({key.by for key in keys}) < len(keys):
        raise InvalidInput(f"`orderBy` may name at most {MAX_KEYS} fields, each once.")
    if not searched and any(key.by == RELEVANCE for key in keys):
        raise InvalidInput(
            "`orderBy: RELEVANCE` needs a `search` with at least one letter or digit."
        )
    return keys


def search_terms(search: str) -> str:
    """Return what to search for, "" for a text without a letter or digit. Raises `InvalidInput`."""
    if len(search) > MAX_SEARCH or len(_words(search)) > MAX_WORDS:
        raise InvalidInput(
            f"`search` may have at most {MAX_SEARCH} characters and {MAX_WORDS} words."
        )
    return search.strip() if any(map(str.isalnum, search)) else ""


def searched_parts(given: list[ClientSearchField]) -> frozenset[SearchIn]:
    """Return what to search."""
    return frozenset(SearchIn[each.name] for each in given)
