"""The records of the sandbox, and the five endpoints over them as the API page documents them."""

from __future__ import annotations

import math
import uuid
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from gateway.sandbox.users import DemoUser, instant

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

LISTED = (
    "id",
    "first_name",
    "last_name",
    "email",
    "phone",
    "client_type",
    "status",
    "source",
    "budget_min",
    "budget_max",
)
"""The ten fields of the API page's list example."""
TYPES = ("buyer", "seller", "both")
STATUSES = ("active", "inactive", "closed")
REMEMBERED = 100
"""States of a person's clients that a lagging read can go back to."""

Rows = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Behaviour:
    """What the API page leaves open."""

    conflict_status: int = 409
    """What a stale `version` is answered with: 409, 412 or 400."""
    list_rows: Literal["full", "trimmed"] = "full"
    order: Literal["created_desc", "created_asc"] = "created_desc"
    filter_both: bool = False
    """Whether `client_type=buyer` also lists clients that are both."""


class SandboxError(Exception):
    """An error answer, in the standard envelope."""

    def __init__(self, status: int, code: str, message: str, details: object = None) -> None:
        super().__init__(message)
        self.status = status
        self.error: dict[str, Any] = {"code": code, "message": message}
        if details is not None:
            self.error["details"] = details


class Clients:
    """One person's clients, oldest first, and their states before the last writes."""

    def __init__(self, person: DemoUser) -> None:
        self._person = person
        self._rows: Rows = {row["id"]: row for row in reversed(person.clients())}
        self._before: deque[tuple[float, Rows]] = deque(maxlen=REMEMBERED)

    def seen(self, at: float) -> Rows:
        """The clients as they were at `at`, on the sandbox's clock."""
        return next((rows for written, rows in self._before if written > at), self._rows)

    def _write(self, now: float) -> Rows:
        """Keep the present state, and go on with a copy of it."""
        self._before.append((now, self._rows))
        self._rows = dict(self._rows)
        return self._rows

    def get(self, rows: Rows, text: str) -> dict[str, Any]:
        """`GET /clients/{id}`."""
        record = rows.get(_uuid(text))
        if record is None:
            raise SandboxError(404, "NOT_FOUND", "Client not found.")
        return dict(record)

    def page(self, rows: Rows, query: Mapping[str, str], behaviour: Behaviour) -> dict[str, Any]:
        """`GET /clients`."""
        page = max(1, _whole(query, "page", 1))
        limit = min(100, max(1, _whole(query, "limit", 25)))
        kind, status = query.get("client_type"), query.get("status")
        kinds = {kind, "both"} if behaviour.filter_both else {kind}
        found = [
            row
            for row in ordered(rows, behaviour)
            if (kind is None or row["client_type"] in kinds)
            and (status is None or row["status"] == status)
        ]
        begin = (page - 1) * limit
        names = LISTED if behaviour.list_rows == "trimmed" else None
        return {
            "clients": [
                {name: row[name] for name in names} if names else dict(row)
                for row in found[begin : begin + limit]
            ],
            "meta": {
                "page": page,
                "limit": limit,
                "total": len(found),
                "totalPages": math.ceil(len(found) / limit),
                "hasMore": begin + limit < len(found),
            },
        }

    def create(self, given: dict[str, Any], now: float, stamped: datetime) -> dict[str, Any]:
        """`POST /clients`."""
        wrong = [
            {"field": name, "message": f"{name} is required"}
            for name in ("first_name", "last_name")
            if not isinstance(given.get(name), str) or not given[name].strip()
        ]
        wrong += _not_among("client_type", given.get("client_type"), TYPES)
        wrong += _not_text(given, ("email", "phone"))
        _refuse(wrong)
        stamp = instant(stamped)
        record = {
            "id": str(uuid.uuid4()),
            "user_id": self._person.id,
            "first_name": given["first_name"],
            "last_name": given["last_name"],
            "email": given.get("email"),
            "phone": given.get("phone"),
            "client_type": given["client_type"],
            "status": "active",
            "source": None,
            "budget_min": None,
            "budget_max": None,
            "preferred_locations": [],
            "property_preferences": None,
            "pre_approved": False,
            "pre_approval_amount": None,
            "notes": None,
            "tags": [],
            "version": 1,
            "created_at": stamp,
            "updated_at": stamp,
        }
        self._write(now)[str(record["id"])] = record
        shown = (*LISTED[:7], "version", "created_at", "updated_at")
        return {name: record[name] for name in shown}

    def update(
        self,
        record: dict[str, Any],
        given: dict[str, Any],
        now: float,
        stamped: datetime,
        behaviour: Behaviour,
    ) -> dict[str, Any]:
        """`PUT /clients/{id}`."""
        wrong = _not_text(given, ("email", "phone"))
        if "status" in given:
            wrong += _not_among("status", given["status"], STATUSES)
        version = given.get("version")
        if version is not None and not isinstance(version, int):
            wrong.append({"field": "version", "message": "version must be an integer"})
        _refuse(wrong)
        if version is not None and version != record["version"]:
            status = behaviour.conflict_status
            code = "VERSION_CONFLICT" if status != 400 else "VALIDATION_ERROR"  # noqa: PLR2004
            details = [{"field": "version", "message": "version is not current"}]
            raise SandboxError(status, code, "The client was changed by somebody else.", details)
        record |= {name: given[name] for name in ("email", "phone", "status") if name in given}
        record["version"] += 1
        record["updated_at"] = instant(stamped)
        self._write(now)[record["id"]] = record
        return dict(record)

    def delete(self, record: dict[str, Any], now: float) -> dict[str, Any]:
        """`DELETE /clients/{id}`."""
        del self._write(now)[record["id"]]
        return {}


def ordered(rows: Rows, behaviour: Behaviour) -> Sequence[dict[str, Any]]:
    """The rows in list order."""
    oldest_first = list(rows.values())
    return oldest_first[::-1] if behaviour.order == "created_desc" else oldest_first


def _refuse(wrong: list[dict[str, str]]) -> None:
    if wrong:
        raise SandboxError(400, "VALIDATION_ERROR", "Invalid request data.", wrong)


def _not_among(name: str, value: object, among: tuple[str, ...]) -> list[dict[str, str]]:
    if value in among:
        return []
    return [{"field": name, "message": f"{name} must be one of {', '.join(among)}"}]


def _not_text(given: dict[str, Any], names: tuple[str, ...]) -> list[dict[str, str]]:
    return [
        {"field": name, "message": f"{name} must be a string"}
        for name in names
        if given.get(name) is not None and not isinstance(given[name], str)
    ]


def _whole(query: Mapping[str, str], name: str, otherwise: int) -> int:
    text = query.get(name, "")
    return int(text) if text.lstrip("-").isdigit() else otherwise


def _uuid(text: str) -> str:
    try:
        return str(uuid.UUID(text))
    except ValueError:
        raise SandboxError(400, "VALIDATION_ERROR", "id must be a UUID.") from None
