"""The whole gateway in virtual time, whose API sends webhooks; the truth stands beside it."""

from datetime import timedelta
from typing import Any

from gateway.app import WEBHOOK_PATH
from gateway.sandbox.users import format_time
from gateway.sandbox.webhooks import Webhooks
from tests.adversary.world import BEGIN, World
from tests.webhooks.deliveries import SECRET

FRESH, GRACE, STALE = 900.0, 30.0, 300.0
"""Seconds: fresh while webhooks arrive, served beyond that, and served at most without them."""
LIST = "{ clients(first: 100) { edges { node { id email status } } } }"
ACTIVE = "{ clients(first: 100, filter: {status: ACTIVE}) { edges { node { id email status } } } }"
CLIENT = "query ($id: ID!) { client(id: $id) { id email status } }"
UPDATE = """mutation ($id: ID!, $email: String, $status: ClientStatus) {
  updateClient(input: {id: $id, email: $email, status: $status}) { __typename }
}"""
CREATE = """mutation { createClient(input: {firstName: "Eve", lastName: "New", clientType: BUYER}) {
  ... on CreateClientSuccess { client { id } }
} }"""
DELETE = "mutation ($id: ID!) { deleteClient(input: {id: $id}) { __typename } }"


class Office(World):
    """A gateway to which its API reports every change."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(webhook_secrets=(SECRET,), **settings)
        self.sandbox.webhooks = Webhooks(WEBHOOK_PATH, SECRET, send=self._deliver)

    async def _deliver(self, path: str, body: bytes, headers: dict[str, str]) -> int:
        return (await self._http.post(path, content=body, headers=headers)).status_code

    def write_behind(self, who: str, id: str, **fields: Any) -> None:
        """Change a client as another program would, and report it."""
        super().write_behind(who, id, **fields)
        self.run(self._report(id))

    async def _report(self, id: str) -> None:
        assert self.sandbox.webhooks is not None
        stamp = format_time(BEGIN + timedelta(seconds=self.now))
        self.sandbox.webhooks.report("PUT", id, stamp, self.sandbox.faults)

    @property
    def freshness(self) -> dict[str, Any]:
        """What /readyz says of the proof."""
        found: dict[str, Any] = self.run(self._http.get("/readyz")).json()
        return {**found["freshness"], **found["webhooks"]}

    def write(self, who: str, id: str, **fields: Any) -> None:
        """Change a client through the gateway."""
        reply = self.ask(who, UPDATE, id=id, **fields)
        assert reply.data == {"updateClient": {"__typename": "UpdateClientSuccess"}}

    def prove(self) -> None:
        """Have a write of ada's come back."""
        self.write("ada", self.rows("ada")[0]["id"], email=f"proof{self.now}@example.com")
        self.wait(0.1)
        assert self.freshness["proven"]
