"""The order of clients, and what a search looks into: inputs and their meaning."""

import re
from enum import Enum

import strawberry

from schema.source.errors import InvalidInput
from schema.source.search import RELEVANCE, SearchIn, SortKey

MAX_KEYS = 5
"""Largest number of keys of an order."""
MAX_SEARCH, MAX_WORDS = 200, 20
"""Largest number of characters of a search, and of words."""
_words = re.compile(r'[^\s"\u201c\u201d]+').findall
"""Quotation marks separate words as spaces do."""


@strawberry.enum(description="A key to sort clients by. A client without a value is last.")
class ClientOrderField(Enum):
    FIRST_NAME = strawberry.enum_value("first_name", description="By `firstName`.")
    LAST_NAME = strawberry.enum_value("last_name", description="By `lastName`.")
    FULL_NAME = strawberry.enum_value("full_name", description="By `fullName`.")
    EMAIL = strawberry.enum_value("email", description="By `email`.")
    CLIENT_TYPE = strawberry.enum_value("client_type", description="By `clientTypeRaw`.")
    STATUS = strawberry.enum_value("status", description="By `statusRaw`.")
    SOURCE = strawberry.enum_value("source", description="By `source`.")
    BUDGET_MIN = strawberry.enum_value("budget_min", description="By `budgetMin`.")
    BUDGET_MAX = strawberry.enum_value("budget_max", description="By `budgetMax`.")
    PRE_APPROVAL_AMOUNT = strawberry.enum_value(
        "pre_approval_amount", description="By `preApprovalAmount`."
    )
    CREATED_AT = strawberry.enum_value("created_at", description="By `createdAt`.")
    UPDATED_AT = strawberry.enum_value("updated_at", description="By `updatedAt`.")
    RELEVANCE = strawberry.enum_value(
        RELEVANCE, description="By how well it matches `search`; with ASC the best is first."
    )


@strawberry.enum(name="ClientOrderDirection", description="The direction of a sort key.")
class OrderDirection(Enum):
    ASC = strawberry.enum_value("ASC", description="The smallest first.")
    DESC = strawberry.enum_value("DESC", description="The largest first.")


@strawberry.enum(description="A part of a client that `search` looks into.")
class ClientSearchField(Enum):
    NAME = strawberry.enum_value("NAME", description="The beginning of a word of the name.")
    EMAIL = strawberry.enum_value("EMAIL", description="Any part of the e-mail address.")
    PHONE = strawberry.enum_value("PHONE", description="Any digits of the phone number.")
    TAGS = strawberry.enum_value("TAGS", description="Any part of a tag.")
    NOTES = strawberry.enum_value("NOTES", description="The beginning of a word of the notes.")


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
