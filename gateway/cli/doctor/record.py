"""The client that the write checks create, and its clean-up."""

import asyncio
import re
from dataclasses import dataclass

from gateway.cli.doctor.probe_client import Decoded, Probe, ProbeClient, ProbeResponse, integer
from gateway.cli.doctor.report import Finding, fail, ok
from schema.source.records import MAX_PAGE

ID = re.compile("[A-Za-z0-9_-]+")
"""Form of an id that is safe in the path of a delete."""
ABSENT = {200, 204, 404, 410}
"""Statuses of a delete after which the client does not exist."""
MAX_DELAY = 30
"""Maximum seconds between two deletes of the clean-up, whatever `Retry-After` requests."""


@dataclass(slots=True)
class TestRecord:
    """The client that the doctor writes to, as far as it is known, and its requests."""

    email: str
    """Unique. The clean-up finds the client by it if the response with the id is lost."""
    may_exist: bool = False
    id: str | None = None
    version: int | None = None

    def create(self) -> Probe:
        """Return the create. From now on the client may exist."""
        self.may_exist = True
        names = {"first_name": "Doctor", "last_name": "Check", "client_type": "buyer"}
        body = {**names, "email": self.email, "phone": "(661) 555-0142"}
        return Probe("POST", "/clients", body=body)

    def probe(self, method: str, body: Decoded | None = None) -> Probe:
        """Return a request about the client by its id."""
        return Probe(method, f"/clients/{self.id}", body=body, version=self.version)

    def update(self, **changes: object) -> Probe:
        """Return an update with the current version, unless `changes` has another."""
        guard = {} if self.version is None else {"version": self.version}
        return self.probe("PUT", {**guard, **changes})

    def follow(self, response: ProbeResponse) -> None:
        """Take from a response of the API to a write what it shows of the client."""
        method, succeeded = response.probe.method, response.status in {200, 201, 204}
        if method == "POST":
            self.may_exist = succeeded
        if method == "DELETE":
            self.may_exist = self.may_exist and not succeeded
        if method in {"POST", "PUT"} and succeeded:
            self.version = response.version or self.version
            self.identify(response.data.get("id"))

    def identify(self, id: object) -> None:
        """Take the id, if it is the first one and safe in a path."""
        if self.id is None and isinstance(id, str) and ID.fullmatch(id):
            self.id = id


async def clean_up(client: ProbeClient, record: TestRecord) -> Finding:
    """Delete the client that may exist, and return the result."""
    if record.id is None and await _is_absent(client, record):
        return ok("nothing was created")
    if record.id is not None and await _delete(client, record):
        return ok("the client Doctor Check is deleted again")
    which = f"id {record.id}" if record.id else f"e-mail {record.email}"
    found = "failed: a client named Doctor Check may be left"
    return fail(found, f"delete the one with {which} yourself")


async def _is_absent(client: ProbeClient, record: TestRecord) -> bool:
    """Search the first and the last page. Return True if all rows were read without a match."""
    page, seen = 1, 0
    for _ in range(2):
        response = await client.send(Probe("GET", "/clients", {"page": page, "limit": MAX_PAGE}))
        for row in response.rows:
            if str(row.get("email")).strip().lower() == record.email.lower():
                record.identify(row.get("id"))
                return False
        seen += len(response.rows)
        page = integer(response.meta.get("totalPages")) or 1
        if page <= 1:
            break
    return response.meta.get("hasMore") is False and seen >= (response.total or 0)


async def _delete(client: ProbeClient, record: TestRecord) -> bool:
    for delay in (1, 2, 0):
        response = await client.send(record.probe("DELETE"))
        if response.status in ABSENT:
            return True
        requested = response.retry_after
        await asyncio.sleep(delay and min(delay if requested is None else requested, MAX_DELAY))
    return False
