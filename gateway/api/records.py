"""Decode client records: in C if the whole row is valid, else field by field."""

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
"""Ids known to be canonical, cached because the same rows are read repeatedly."""


def are_canonical_ids(*ids: str) -> bool:
    """Return True if each of `ids` equals its canonical form (see `client_id`).

    Every row is checked, so the check covers all ids of a page at once and does not parse them.
    """
    if _known_canonical.issuperset(ids):
        return True
    joined = ",".join((*ids, ""))
    # As many commas as ids: no id contains a comma.
    if joined.count(",") != len(ids) or _CANONICAL.fullmatch(joined) is None:
        return False
    if len(_known_canonical) > _REMEMBERED:
        _known_canonical.clear()
    _known_canonical.update(ids)
    return True


def decode_leniently(row: object, *, complete: bool) -> ClientRecord | None:
    """Decode a row whose fields may be malformed; return None if it has no valid client id."""
    if not isinstance(row, dict):
        return None
    id = row.get("id")
    known = client_id(id) if isinstance(id, str) else None
    if known is None:
        return None
    values: dict[str, Any] = {}
    malformed: set[str] = set()
    for name in FIELDS - {"id"}:
        if name in row:
            try:
                value = msgspec.convert(row[name], _TYPES[name])
            except msgspec.ValidationError:
                malformed.add(name)
            else:
                if is_readable(row[name]):
                    values[name] = value
                else:
                    malformed.add(name)
    return ClientRecord(id=known, **values, malformed=frozenset(malformed), complete=complete)
