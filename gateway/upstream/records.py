"""Client records out of JSON: checked in C where all is well, field by field where not."""

from __future__ import annotations

import re
from typing import Any, get_type_hints

import msgspec

from schema.source import FIELDS, ClientRecord, client_id

_TYPES: dict[str, Any] = {
    name: hint for name, hint in get_type_hints(ClientRecord).items() if name in FIELDS
}
_HEX = "[0-9a-f]"
_CANONICAL = re.compile(rf"(?:{_HEX}{{8}}-{_HEX}{{4}}-{_HEX}{{4}}-{_HEX}{{4}}-{_HEX}{{12}},)*")


def canonical(*ids: str) -> bool:
    """Whether each of `ids` is what `client_id` makes of it.

    Asked of every row, so without parsing them, and of all rows of a page at once.
    """
    told = ",".join((*ids, ""))
    # As many commas as ids: so none of them is within one.
    return told.count(",") == len(ids) and _CANONICAL.fullmatch(told) is not None


def tolerant(row: object, *, complete: bool) -> ClientRecord | None:
    """The record in a row some of whose fields may be malformed; None without a client's id."""
    if not isinstance(row, dict):
        return None
    id = row.get("id")
    known = client_id(id) if isinstance(id, str) else None
    if known is None:
        return None
    told: dict[str, Any] = {}
    malformed: set[str] = set()
    for name in FIELDS - {"id"}:
        if name in row:
            try:
                told[name] = msgspec.convert(row[name], _TYPES[name])
            except msgspec.ValidationError:
                malformed.add(name)
    return ClientRecord(id=known, **told, malformed=frozenset(malformed), complete=complete)
