"""The records of the sandbox, and the five documented endpoints over them."""

import math
import uuid
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from gateway.sandbox.faults import SandboxError, SandboxRequest
from gateway.sandbox.users import DemoUser

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
MAX_STATES = 100
"""Previous states of a user's clients that are kept for lagging reads."""

Rows = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Behaviour:
    """Behaviour that the API page does not specify."""

    conflict_status: int = 409
    """Status of an update with a stale `version`: 409, 412 or 400."""
    list_rows: Literal["full", "trimmed"] = "full"
    order: Literal["created_desc", "created_asc"] = "created_desc"
    filter_both: bool = False
    """Whether `client_type=buyer` also lists clients that are both."""


class Clients:
    """The clients of one user, oldest first, and the states before the last writes."""

    def __init__(self, user: DemoUser) -> None:
        self._user = user
        self._rows: Rows = {row["id"]: row for row in reversed(user.clients())}
        self._states: deque[tuple[float, Rows]] = deque(maxlen=MAX_STATES)

    def seen(self, at: float) -> Rows:
        """Return the clients as of `at`, in seconds on the sandbox's clock."""
        return next((rows for written, rows in self._states if written > at), self._rows)

    def _write(self, now: float) -> Rows:
        """Store the current state for lagging reads. Return a copy to change."""
        self._states.append((now, self._rows))
        self._rows = dict(self._rows)
        return self._rows

    def get(self, rows: Rows, text: str) -> dict[str, Any]:
        """Read one client: `GET /clients/{id}`."""
        record = rows.get(_uuid(text))
        if record is None:
            raise SandboxError(404, "NOT_FOUND", "Client not found.")
        return dict(record)

    def page(
        self, rows: Rows, query: Mapping[str, str], behaviour: Behaviour, most: int
    ) -> dict[str, Any]:
        """Read one page of at most `most` rows: `GET /clients`."""
        page = max(1, _integer(query, "page", 1))
        limit = min(most, max(1, _integer(query, "limit", 25)))
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

    def create(self, call: SandboxRequest) -> dict[str, Any]:
        """Create a client: `POST /clients`."""
        fields = call.fields
        _validate(fields, {"client_type": TYPES}, required=("first_name", "last_name"))
        record = {
            "id": str(uuid.uuid4()),
            "user_id": self._user.id,
            "first_name": fields["first_name"],
            "last_name": fields["last_name"],
            "email": fields.get("email"),
            "phone": fields.get("phone"),
            "client_type": fields["client_type"],
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
            "created_at": call.timestamp,
            "updated_at": call.timestamp,
        }
        self._write(call.now)[record["id"]] = record
        shown = (*LISTED[:7], "version", "created_at", "updated_at")
        return {name: record[name] for name in shown}

    def update(self, id: str, call: SandboxRequest, conflict_status: int) -> dict[str, Any]:
        """Update a client: `PUT /clients/{id}`."""
        record, fields = self.get(self._rows, id), call.fields
        _validate(fields, {"status": STATUSES} if "status" in fields else {})
        version = fields.get("version")
        if version is not None and version != record["version"]:
            code = "VERSION_CONFLICT" if conflict_status != 400 else "VALIDATION_ERROR"  # noqa: PLR2004
            details = [{"field": "version", "message": "version is not current"}]
            message = "The client was changed by somebody else."
            raise SandboxError(conflict_status, code, message, details)
        record |= {name: fields[name] for name in ("email", "phone", "status") if name in fields}
        record |= {"version": record["version"] + 1, "updated_at": call.timestamp}
        self._write(call.now)[record["id"]] = record
        return dict(record)

    def delete(self, id: str, call: SandboxRequest) -> dict[str, Any]:
        """Delete a client: `DELETE /clients/{id}`."""
        record = self.get(self._rows, id)
        del self._write(call.now)[record["id"]]
        return {}


def ordered(rows: Rows, behaviour: Behaviour) -> Sequence[dict[str, Any]]:
    """Return the rows in list order."""
    oldest_first = list(rows.values())
    return oldest_first[::-1] if behaviour.order == "created_desc" else oldest_first


def _validate(
    fields: dict[str, Any], choices: dict[str, tuple[str, ...]], required: tuple[str, ...] = ()
) -> None:
    """Raise `SandboxError` with one detail for each invalid field of a write."""
    errors = {
        name: "is required"
        for name in required
        if not isinstance(fields.get(name), str) or not fields[name].strip()
    }
    for name, allowed in choices.items():
        if fields.get(name) not in allowed:
            errors[name] = f"must be one of {', '.join(allowed)}"
    for name, kind, kinds in (
        ("email", str, "a string"),
        ("phone", str, "a string"),
        ("version", int, "an integer"),
    ):
        if not isinstance(fields.get(name), kind | None):
            errors[name] = f"must be {kinds}"
    if errors:
        details = [{"field": name, "message": f"{name} {text}"} for name, text in errors.items()]
        raise SandboxError(400, "VALIDATION_ERROR", "Invalid request data.", details)


def _integer(query: Mapping[str, str], name: str, default: int) -> int:
    text = query.get(name, "")
    return int(text) if text.lstrip("-").isdigit() else default


def _uuid(text: str) -> str:
    try:
        return str(uuid.UUID(text))
    except ValueError:
        raise SandboxError(400, "VALIDATION_ERROR", "id must be a UUID.") from None
