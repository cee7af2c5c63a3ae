"""What a program would find that read every client and searched, filtered and sorted by itself.

It is written from docs/graph.md alone and imports nothing of the gateway.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from functools import cmp_to_key
from typing import Any

Row = dict[str, Any]


def text(row: Row, name: str) -> str | None:
    value = row.get(name)
    return value if isinstance(value, str) else None


def amount(row: Row, name: str) -> float | None:
    value = row.get(name)
    if isinstance(value, str) and not re.fullmatch(r"-?\d+(\.\d+)?", value):
        return None
    if value is None or isinstance(value, bool):
        return None
    try:
        found = float(value)
        exact = isinstance(value, float) or Decimal(repr(found)) == Decimal(value)
    except (OverflowError, InvalidOperation):
        return None
    return found if exact and math.isfinite(found) else None


def moment(row: Row, name: str) -> Fraction | None:
    value = row.get(name)
    return None if not isinstance(value, str) else seconds(value)


def seconds(value: str) -> Fraction | None:
    """Seconds since 1970, exactly: a datetime has no more than microseconds."""
    found = re.fullmatch(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d+)?(Z|[+-]\d\d:\d\d)", value)
    if found is None:
        return None
    zone = "+00:00" if found[3] == "Z" else found[3]
    whole = (
        datetime.fromisoformat(found[1] + zone) - datetime(1970, 1, 1, tzinfo=UTC)
    ) // timedelta(seconds=1)
    return whole + Fraction(found[2] or 0)


def labels(row: Row, name: str) -> list[str]:
    return list(row.get(name) or ())


def plain(text: str) -> str:
    """Without case, accents and width."""
    found = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    kept = []
    for character in found:
        if unicodedata.combining(character):
            continue
        name = unicodedata.name(character, "")
        if character.isalpha() and " WITH " in name:
            kept.append(unicodedata.lookup(name.split(" WITH ")[0]))
        elif unicodedata.category(character) == "Nd":
            kept.append(str(unicodedata.digit(character)))
        else:
            kept.append(character)
    return "".join(kept)


def words(text: str) -> list[str]:
    spaced = "".join(f" {c}" if unicodedata.east_asian_width(c) == "W" else c for c in plain(text))
    return re.findall(r"[^\W_]+", spaced)


def begins_within(wanted: list[str], there: list[str]) -> bool:
    """Whether the words occur one after the other, the last perhaps only begun."""
    last = len(wanted) - 1
    return any(
        there[at : at + last] == wanted[:last] and there[at + last].startswith(wanted[last])
        for at in range(len(there) - last)
    )


def searched(row: Row, search: str, within: list[str]) -> bool:
    terms = [quoted or word for quoted, word in re.findall(r'"([^"]*)"?|([^\s"]+)', search)]
    return all(found(row, term, within) for term in terms if words(term))


def found(row: Row, term: str, within: list[str]) -> bool:
    name = f"{text(row, 'first_name') or ''} {text(row, 'last_name') or ''}"
    digits = "".join(c for c in plain(term) if c.isdigit())
    phone = "".join(c for c in plain(text(row, "phone") or "") if c.isdigit())
    a_number = not any(c.isalpha() or c in "@_" for c in plain(term))
    return (
        ("NAME" in within and begins_within(words(term), words(name)))
        or ("EMAIL" in within and plain(term) in plain(text(row, "email") or ""))
        or ("PHONE" in within and a_number and bool(digits) and digits in phone)
        or (
            "TAGS" in within
            and any("\n".join(words(term)) in "\n".join(words(tag)) for tag in labels(row, "tags"))
        )
        or ("NOTES" in within and begins_within(words(term), words(text(row, "notes") or "")))
    )


def matches(row: Row, given: dict[str, Any]) -> bool:
    return all(_condition(row, name, value) for name, value in given.items() if value is not None)


def _condition(row: Row, name: str, value: Any) -> Any:
    match name:
        case "clientType":
            return row.get("client_type") == value.lower()
        case "status":
            return row.get("status") == value.lower()
        case "clientTypeIn":
            return row.get("client_type") in [each.lower() for each in value]
        case "statusIn":
            return row.get("status") in [each.lower() for each in value]
        case "ids":
            return row["id"] in value
        case "source":
            return text(row, "source") in value
        case "tagsAny":
            return any(each in labels(row, "tags") for each in value)
        case "tagsAll":
            return all(each in labels(row, "tags") for each in value)
        case "locationsAny":
            return any(each in labels(row, "preferred_locations") for each in value)
        case "preApproved":
            return row.get("pre_approved") is value
        case "hasEmail":
            return bool((text(row, "email") or "").strip()) is value
        case "hasPhone":
            return bool((text(row, "phone") or "").strip()) is value
        case "budget":
            return _overlaps(row, value)
        case "preApprovalAmount":
            return _in_range(amount(row, "pre_approval_amount"), value)
        case "createdAt" | "updatedAt":
            field = "created_at" if name == "createdAt" else "updated_at"
            return _in_time(moment(row, field), value)
        case "and":
            return all(matches(row, each) for each in value)
        case "or":
            return any(matches(row, each) for each in value)
        case "not":
            return not matches(row, value)
    raise AssertionError(name)


def _overlaps(row: Row, span: dict[str, Any]) -> bool:
    low, high = span.get("min"), span.get("max")
    if low is None and high is None:
        return True
    least, most = amount(row, "budget_min"), amount(row, "budget_max")
    if least is None and most is None:
        return False
    before = high is not None and least is not None and least > high
    after = low is not None and most is not None and most < low
    return not (before or after)


def _in_range(value: float | None, span: dict[str, Any]) -> bool:
    low, high = span.get("min"), span.get("max")
    if low is None and high is None:
        return True
    return value is not None and (low is None or value >= low) and (high is None or value <= high)


def _in_time(value: Fraction | None, span: dict[str, Any]) -> bool:
    begin, end = span.get("from"), span.get("until")
    if begin is None and end is None:
        return True
    if value is None:
        return False
    first, last = (None if each is None else seconds(each) for each in (begin, end))
    return (first is None or value >= first) and (last is None or value < last)


def _key(row: Row, field: str) -> Any:
    if field in {"BUDGET_MIN", "BUDGET_MAX", "PRE_APPROVAL_AMOUNT"}:
        return amount(row, field.lower())
    if field in {"CREATED_AT", "UPDATED_AT"}:
        return moment(row, field.lower())
    if field == "FULL_NAME":
        names = [text(row, "first_name"), text(row, "last_name")]
        if names == [None, None]:
            return None
        value: str | None = " ".join(name for name in names if name)
    else:
        value = text(row, field.lower())
    return None if value is None else (plain(value), value)


def _compare(one: Row, other: Row, order: list[dict[str, str]]) -> int:
    for key in order:
        ours, theirs = _key(one, key["field"]), _key(other, key["field"])
        if ours == theirs:
            continue
        if ours is None or theirs is None:
            return 1 if ours is None else -1
        down = -1 if key.get("direction") == "DESC" else 1
        return down if ours > theirs else -down
    return int(one["id"] > other["id"]) - int(one["id"] < other["id"])


DEFAULT = ["NAME", "EMAIL", "PHONE", "TAGS"]


def answer(rows: list[Row], given: dict[str, Any]) -> list[Row]:
    """The rows that match, in order."""
    search, within = given.get("search") or "", given.get("searchIn")
    picked = [
        row
        for row in rows
        if matches(row, given.get("filter") or {})
        and searched(row, search, DEFAULT if within is None else within)
    ]
    order = given.get("orderBy")
    if order:
        picked.sort(key=cmp_to_key(lambda one, other: _compare(one, other, order)))
    return picked


def facets(rows: list[Row]) -> dict[str, Any]:
    """The counts, in no order."""
    known = {"buyer", "seller", "both", "active", "inactive", "closed"}

    def members(field: str) -> Counter[str]:
        values = [text(row, field) for row in rows]
        return Counter(
            value.upper() if value in known else "UNKNOWN" for value in values if value is not None
        )

    budgets = [
        [end for end in (amount(row, "budget_min"), amount(row, "budget_max")) if end is not None]
        for row in rows
    ]
    middles = sorted(sum(Fraction(end) for end in each) / len(each) for each in budgets if each)
    count = len(middles)
    return {
        "status": members("status"),
        "clientType": members("client_type"),
        "source": Counter(text(row, "source") for row in rows),
        "tags": Counter(tag for row in rows for tag in set(labels(row, "tags"))),
        "budget": {
            "count": count,
            "min": min((min(each) for each in budgets if each), default=None),
            "max": max((max(each) for each in budgets if each), default=None),
            "average": float(sum(middles) / count) if count else None,
            "median": float((middles[(count - 1) // 2] + middles[count // 2]) / 2)
            if count
            else None,
        },
    }
