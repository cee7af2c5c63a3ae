"""Client records out of JSON: checked in C where all is well, field by field where not."""

from __future__ import annotations

import re
from typing import Any, get_type_hints

import msgspec

from gateway.api.lenient_json import is_readable
from schema.source.records import FIELDS, ClientRecord, client_id

_TYPES: dict[str, Any] = {
    name: hint for name, hint in get_type_hints(ClientRecord).items() if name in FIELDS
}
_HEX = "[0-9a-f]"
_CANONICAL = re.compile(rf"(?:{_HEX}{{8}}-{_HEX}{{4}}-{_HEX}{{4}}-{_HEX}{{4}}-{_HEX}{{12}},)*")


_REMEMBERED = 4_096
_known_canonical: set[str] = set()
"""Ids that were found to be canonical: of rows read again and again it is asked each time."""


def are_canonical_ids(*ids: str) -> bool:
    """Whether each of `ids` is what `client_id` makes of it.

    Asked of every row, so without parsing them, and of all rows of a page at once.
    """
    if _known_canonical.issuperset(ids):
        return True
    told = ",".join((*ids, ""))
    # As many commas as ids: so none of them is within one.
    if told.count(",") != len(ids) or _CANONICAL.fullmatch(told) is None:
        return False
    if len(_known_canonical) > _REMEMBERED:
        _known_canonical.clear()
    _known_canonical.update(ids)
    return True


def decode_leniently(row: object, *, complete: bool) -> ClientRecord | None:
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
                value = msgspec.convert(row[name], _TYPES[name])
            except msgspec.ValidationError:
                malformed.add(name)
            else:
                if is_readable(row[name]):
                    told[name] = value
                else:
                    malformed.add(name)
    return ClientRecord(id=known, **told, malformed=frozenset(malformed), complete=complete)
