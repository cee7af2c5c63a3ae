"""The gateway before an API that lags, goes back, tidies, loses answers and speaks through proxies.

Whatever the API does: no success that did not happen, no "nothing happened" that did, one create
for one idempotency key, calls within their bound, nothing held given as fresh past its bound, and
no page without an end. `ADVERSARY_STEPS` sets how many steps are taken; an example has fifty.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from gateway.sandbox.catalogue import FAULTS, named
from gateway.sandbox.faults import WRITES
from gateway.sandbox.values import e164
from gateway.sandbox.webhooks import DeliveryFault
from tests.adversary.world import PEOPLE, Reply, World

STEPS = int(os.environ.get("ADVERSARY_STEPS", "1500"))
STEPS_EACH = 50
OF_CALLS = sorted(
    name for name, (_, fault) in FAULTS.items() if not isinstance(fault, DeliveryFault)
)
"""Faults of calls: this API has no deliveries."""

FRESH = 30.0
"""Seconds that something held counts as fresh (docs/budget.md)."""
SCARCE = 100
"""Calls left below which that may stretch, up to what is kept."""
KEPT = 300.0
"""Seconds after which nothing held is given."""
LAG = 10.0
"""Seconds by which the sandbox's reads may lag."""
CAP = 26
"""Calls of one operation: its cap, and one for a page whose rows turn out to lack fields."""

FIELDS = "id firstName lastName email phone status version"
ROWS = f"""query ($first: Int, $after: String, $status: ClientStatus) {{
  clients(first: $first, after: $after, filter: {{ status: $status }}) {{
    totalCount pageInfo {{ hasNextPage endCursor }} edges {{ cursor node {{ {FIELDS} }} }}
  }}
}}"""
ONE = f"query ($id: ID!) {{ client(id: $id) {{ {FIELDS} }} }}"
NODES = f"query ($ids: [ID!]!) {{ nodes(ids: $ids) {{ id ... on Client {{ {FIELDS} }} }} }}"
ERROR = "... on ClientMutationError { code }"
CREATE = f"""mutation ($input: CreateClientInput!) {{ createClient(input: $input) {{ __typename
  ... on CreateClientSuccess {{ confirmedBy client {{ {FIELDS} }} }} {ERROR} }} }}"""
UPDATE = f"""mutation ($input: UpdateClientInput!) {{ updateClient(input: $input) {{ __typename
  ... on UpdateClientSuccess {{ confirmedBy client {{ {FIELDS} }} }}
  ... on ClientVersionConflict {{ maybeWritten }} {ERROR} }} }}"""
DELETE = f"""mutation ($id: ID!) {{ deleteClient(input: {{ id: $id }}) {{ __typename
  ... on DeleteClientSuccess {{ deletedClientId confirmedBy }} {ERROR} }} }}"""

CALLERS = st.sampled_from(sorted(PEOPLE))
PLACES = st.integers(0, 5)
LYING_ROWS = {"malformed-fields", "unknown-values", "missing-fields", "wrong-id"}
"""Faults under which the API's records are not what is true, whatever the gateway makes of them."""
UNSURE = {"UPSTREAM_BAD_RESPONSE"}
"""Codes that leave open whether a write happened: none may end in one."""


@dataclass
class Key:
    """An idempotency key: what was sent under it, and what it made."""

    who: str
    fields: dict[str, str]
    made: set[str] = field(default_factory=set)


SETTLED = 0.001
"""Seconds in which what is ready runs to its end: the loop moves its clock only when nothing is."""


class Adversary(RuleBasedStateMachine):
    steps = 0

    @initialize(compiled=st.booleans())
    def begin(self, *, compiled: bool) -> None:
        self.world = World(compiled=compiled)
        self.ever: set[str] = set()
        self.seen: dict[str, int] = {}
        self.keys: list[Key] = []
        self.unsettled = False
        self.made = 0

    # What the API does.

    @rule(
        name=st.sampled_from(OF_CALLS),
        times=st.sampled_from([None, None, 1, 2]),
        share=st.sampled_from([1.0, 1.0, 0.5, 0.2]),
        method=st.sampled_from(["", "", "GET", WRITES]),
    )
    def misbehave(self, name: str, times: int | None, share: float, method: str) -> None:
        limited = {} if times is None else {"times": times}
        methods = {} if FAULTS[name][1].method or not method else {"method": method}
        self.world.sandbox.fail(named(name, share=share, **limited, **methods))
        self.ever.add(name)

    @rule()
    def recover(self) -> None:
        self.world.sandbox.faults.clear()

    @rule(seconds=st.sampled_from([1, 5, 12, 31, 120, 301, 901]))
    def wait(self, seconds: int) -> None:
        self.world.wait(seconds)

    @rule(who=CALLERS, place=PLACES, status=st.sampled_from(["active", "closed"]))
    def write_behind(self, who: str, place: int, status: str) -> None:
        rows = self.world.rows(who)
        if rows:
            self.world.write_behind(who, rows[place % len(rows)]["id"], status=status)

    # What callers do.

    @rule(
        who=CALLERS,
        first=st.sampled_from([1, 7, 25, 60, 100]),
        status=st.sampled_from([None, None, "ACTIVE"]),
    )
    def read_a_page(self, who: str, first: int, status: str | None) -> None:
        reply = self.read(who, ROWS, first=first, status=status)
        self.check_page(who, reply)

    @rule(who=CALLERS, first=st.sampled_from([5, 40, 100]))
    def page_through(self, who: str, first: int) -> None:
        after: str | None = None
        found: list[str] = []
        began, quiet = self.world.now, True
        pages = -(-len(self.world.rows(who)) // first) + 3
        for _ in range(pages):
            reply = self.read(who, ROWS, first=first, after=after)
            quiet = quiet and not reply.codes and not reply.receipt.get("drift")
            quiet = quiet and not reply.receipt.get("stale")
            page = self.check_page(who, reply)
            if page is None:
                return
            found += [edge["node"]["id"] for edge in page["edges"] if edge["node"]]
            after = page["pageInfo"]["endCursor"]
            if not page["pageInfo"]["hasNextPage"]:
                break
        else:
            raise AssertionError("pages without an end")
        if quiet and not self.lying(LYING_ROWS | {"row-null", "row-twice"}):
            moved = any(
                len(self.world.history[who].since(id, began - KEPT)) > 1
                for id in self.world.history[who].states
            )
            assert moved or found == [row["id"] for row in self.world.rows(who)], "hidden rows"

    @rule(who=CALLERS, place=PLACES)
    def read_one(self, who: str, place: int) -> None:
        id = self.id_at(who, place)
        reply = self.read(who, ONE, id=id)
        self.check_by_id(who, reply, [id], [reply.data.get("client")])

    @rule(who=CALLERS, places=st.sets(PLACES, min_size=1))
    def read_nodes(self, who: str, places: set[int]) -> None:
        ids = list(dict.fromkeys(self.id_at(who, place) for place in sorted(places)))
        reply = self.read(who, NODES, ids=ids)
        self.check_by_id(who, reply, ids, reply.data.get("nodes") or [None] * len(ids))

    @rule(who=CALLERS, keyed=st.booleans(), email=st.booleans())
    def create(self, who: str, *, keyed: bool, email: bool) -> None:
        self.made += 1
        fields = {
            "firstName": "Eve",
            "lastName": f"Number {self.made}",
            "clientType": "BUYER",
            "phone": f"(661) 555-{self.made:04}",
        }
        if email:
            fields["email"] = f"Eve.{self.made}@Example.com"
        if keyed:
            fields["idempotencyKey"] = f"00000000-0000-4000-8000-{self.made:012}"
        key = Key(who, fields)
        self.keys.append(key)
        self.send_create(key)

    @precondition(lambda self: any("idempotencyKey" in key.fields for key in self.keys))
    @rule(data=st.data())
    def create_again_with_the_same_key(self, data: st.DataObject) -> None:
        keyed = [key for key in self.keys if "idempotencyKey" in key.fields]
        self.send_create(data.draw(st.sampled_from(keyed)))

    @rule(
        who=CALLERS,
        place=PLACES,
        which=st.sampled_from(["email", "phone", "status"]),
        versioned=st.booleans(),
        policy=st.sampled_from(["FAIL", "FAIL", "MERGE"]),
    )
    def update(self, who: str, place: int, which: str, *, versioned: bool, policy: str) -> None:
        self.made += 1
        id = self.id_at(who, place)
        value = {
            "email": f"New.{self.made}@Example.com",
            "phone": f"(661) 556-{self.made:04}",
            "status": ("ACTIVE", "CLOSED")[self.made % 2],
        }[which]
        given: dict[str, Any] = {"id": id, which: value, "onConflict": policy}
        if versioned and id in self.seen:
            given["expectedVersion"] = self.seen[id]
        before = self.world.history[who].now(id)
        reply = self.write(who, UPDATE, input=given)
        assert reply.paid <= (9 if policy == "MERGE" else 3), "a change dearer than its price"
        result: dict[str, Any] = reply.data.get("updateClient") or {}
        after = self.world.history[who].now(id)
        kind = result.get("__typename")
        if kind == "UpdateClientSuccess":
            assert after is not None, "a success on a client that is gone"
            assert self.same(which, after[which], value), "a success that did not happen"
            self.remember(result["client"])
        elif kind == "ClientWriteUnconfirmed" or (
            kind == "ClientVersionConflict" and result["maybeWritten"]
        ):
            self.unsettled = True
        else:
            assert after == before, f"{kind or reply.codes}, and it happened"

    @rule(who=CALLERS, place=PLACES)
    def delete(self, who: str, place: int) -> None:
        id = self.id_at(who, place)
        before = self.world.history[who].now(id)
        reply = self.write(who, DELETE, id=id)
        assert reply.paid <= 3, "a deletion dearer than its price"
        result: dict[str, Any] = reply.data.get("deleteClient") or {}
        after = self.world.history[who].now(id)
        kind = result.get("__typename")
        if kind == "DeleteClientSuccess":
            assert after is None, "a deletion that did not happen"
        elif kind == "ClientWriteUnconfirmed":
            self.unsettled = True
        else:
            assert after == before, f"{kind or reply.codes}, and it happened"

    # What must hold.

    def send_create(self, key: Key) -> None:
        before = {row["id"] for row in self.world.rows(key.who)}
        reply = self.write(key.who, CREATE, input=key.fields)
        key.made |= {row["id"] for row in self.world.rows(key.who)} - before
        assert len(key.made) <= 1, "two clients for one create"
        assert reply.paid <= 10, "a create dearer than its price"
        result: dict[str, Any] = reply.data.get("createClient") or {}
        kind = result.get("__typename")
        if kind == "CreateClientSuccess":
            id = result["client"]["id"]
            if not self.lying({"wrong-id"}):
                assert id in key.made, "a success that did not happen, or of another create"
        elif kind == "ClientWriteUnconfirmed":
            self.unsettled = True
        elif not (self.replayed(reply) and key.made):
            assert not key.made, f"{kind or reply.codes}, and it happened"

    def replayed(self, reply: Reply) -> bool:
        """Whether nothing was sent for this answer: it is about now, not about what was."""
        return not any(call.startswith("POST") for call in reply.calls)

    def settle(self) -> None:
        """Nothing happens after an answer that did not leave it open."""
        before = {who: self.world.rows(who) for who in PEOPLE}
        self.world.wait(SETTLED)
        assert self.unsettled or before == {who: self.world.rows(who) for who in PEOPLE}
        self.unsettled = False

    def write(self, who: str, query: str, **variables: Any) -> Reply:
        self.settle()
        reply = self.world.ask(who, query, **variables)
        self.check(reply)
        sent = any(not call.startswith("GET") for call in reply.calls)
        assert not (sent and set(reply.root_codes) & UNSURE), f"a write that ended in {reply.codes}"
        return reply

    def read(self, who: str, query: str, **variables: Any) -> Reply:
        self.settle()
        priced = self.world.ask(who, query, explain=True, **variables)
        assert priced.calls == []
        reply = self.world.ask(who, query, **variables)
        self.check(reply)
        assert len(reply.calls) <= CAP, "more calls than the cap"
        price = priced.receipt.get("explain")
        failed = reply.codes or reply.receipt["drift"] or reply.receipt["stale"]
        if price and not failed and not self.world.sandbox.faults:
            assert len(reply.calls) <= max(price["maximum"], 1), "dearer than explained"
        return reply

    def check(self, reply: Reply) -> None:
        assert "INTERNAL" not in reply.codes, reply.answer
        if reply.receipt:
            assert reply.age <= KEPT + 1, "older than anything may be"
            left = (reply.receipt["budget"] or {"remaining": 0})["remaining"]
            scarce = left < SCARCE
            bound = KEPT if scarce else FRESH
            assert reply.age <= bound + 1 or reply.receipt["stale"], "old, and given as fresh"

    def check_page(self, who: str, reply: Reply) -> dict[str, Any] | None:
        page: dict[str, Any] | None = reply.data.get("clients")
        if page is None:
            assert reply.codes
            return None
        info = page["pageInfo"]
        assert info["endCursor"] or not info["hasNextPage"], "more, and no way there"
        for edge in page["edges"]:
            self.check_row(who, reply, edge["node"])
        return page

    def check_by_id(self, who: str, reply: Reply, ids: list[str], found: list[Any]) -> None:
        for id, row in zip(ids, found, strict=True):
            if row is not None:
                assert row["id"] == id
                self.check_row(who, reply, row)
            elif not reply.codes:
                moment = self.world.now - reply.age - LAG - 1
                states = self.world.history[who].since(id, moment)
                assert None in states, "a client that exists is absent"

    def check_row(self, who: str, reply: Reply, row: dict[str, Any] | None) -> None:
        """A row is as the client was at some moment within the answer's age."""
        if row is None:
            return
        self.remember(row)
        if self.lying(LYING_ROWS):
            return
        # A read takes a while itself, and a lagging one is as old as it lags.
        moment = self.world.now - reply.age - LAG - 20
        states = [state for state in self.world.history[who].since(row["id"], moment) if state]
        assert any(
            row["email"] == state["email"] and row["phone"] == state["phone"] for state in states
        ), "a row that was not so within the answer's age"

    def remember(self, row: dict[str, Any]) -> None:
        if row["version"] is not None:
            self.seen[row["id"]] = row["version"]

    def same(self, which: str, stored: Any, given: str) -> bool:
        tidied = {"email": given.lower(), "phone": e164(given), "status": given.lower()}
        return stored in {given, tidied[which]}

    def lying(self, faults: set[str]) -> bool:
        return bool(self.ever & faults)

    def id_at(self, who: str, place: int) -> str:
        known = list(self.world.history[who].states)
        newest = known[-3:] + [str(row["id"]) for row in self.world.rows(who)[:3]]
        return newest[place % len(newest)]

    @invariant()
    def a_step_was_taken(self) -> None:
        Adversary.steps += 1

    def teardown(self) -> None:
        if hasattr(self, "world"):
            self.world.close()


Adversary.TestCase.settings = settings(
    max_examples=5 + STEPS * 13 // STEPS_EACH // 10, stateful_step_count=STEPS_EACH, deadline=None
)


class TestAdversary(Adversary.TestCase):  # type: ignore[misc, valid-type]
    @classmethod
    def tearDownClass(cls) -> None:
        assert Adversary.steps >= STEPS, f"{Adversary.steps} steps"
