"""The whole gateway in virtual time before a sandbox, and what is true there at every moment."""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import httpx

from gateway.app import create_app
from gateway.sandbox.api import Sandbox
from gateway.sandbox.clients import Rows, ordered
from gateway.sandbox.faults import SandboxRequest
from gateway.sandbox.users import DemoUser, format_time
from gateway.settings import load_settings
from tests.clockwork import VirtualLoop
from tests.in_process import InProcess
from tests.lifespan import Lifespan

if TYPE_CHECKING:
    from collections.abc import Coroutine, Sequence


ADA = DemoUser("Ada", 12)
GRACE = DemoUser("Grace", 130)
PEOPLE = {"ada": ADA, "grace": GRACE}
BEGIN = datetime(2026, 9, 1, tzinfo=UTC)

Row = dict[str, Any]


@dataclass
class Reply:
    """An answer of the gateway, and what it cost by the API's own count."""

    answer: dict[str, Any]
    calls: list[str]

    @property
    def data(self) -> dict[str, Any]:
        return self.answer.get("data") or {}

    @property
    def codes(self) -> list[str]:
        return [error["extensions"]["code"] for error in self.answer.get("errors", ())]

    @property
    def root_codes(self) -> list[str]:
        """Codes of what failed as a whole, not of single fields."""
        return [
            error["extensions"]["code"]
            for error in self.answer.get("errors", ())
            if len(error.get("path", ())) <= 1
        ]

    @property
    def receipt(self) -> dict[str, Any]:
        found: dict[str, Any] = self.answer.get("extensions", {}).get("upstream", {})
        return found

    @property
    def paid(self) -> int:
        """Calls, a read that failed and was sent a second time counted once."""
        again = sum(one == next and one.startswith("GET") for one, next in pairwise(self.calls))
        return len(self.calls) - again

    @property
    def age(self) -> float:
        return float((self.receipt.get("ages") or {}).get("oldestSeconds") or 0)


@dataclass
class History:
    """Every state of every client, with the moment it began; None once there is none."""

    states: dict[str, list[tuple[float, Row | None]]] = field(
        default_factory=lambda: defaultdict(list)
    )

    def note(self, now: float, rows: Sequence[Row]) -> None:
        """Take down what differs from the state before."""
        present = {row["id"]: row for row in rows}
        for id, row in present.items():
            if self.now(id) != row:
                self.states[id].append((now, row))
        for id in self.states.keys() - present.keys():
            if self.now(id) is not None:
                self.states[id].append((now, None))

    def now(self, id: str) -> Row | None:
        """The state of a client."""
        states = self.states.get(id)
        return states[-1][1] if states else None

    def since(self, id: str, moment: float) -> list[Row | None]:
        """The states of a client that held at `moment` or later, oldest first."""
        states = self.states.get(id, [])
        ends = [*(began for began, _ in states[1:]), float("inf")]
        held = [row for (_, row), end in zip(states, ends, strict=True) if end >= moment]
        born = states[0][0] if states else float("inf")
        return [None, *held] if born >= moment else held


class World:
    """A gateway, its API, and the truth."""

    def __init__(self, *, compiled: bool = True, **settings: Any) -> None:
        self.loop = VirtualLoop()
        self.sandbox = Sandbox(
            tuple(PEOPLE.values()),
            clock=self.loop.time,
            now=lambda: BEGIN + timedelta(seconds=self.loop.time()),
        )
        app = create_app(
            load_settings({}, _env_file=None, **settings),
            wire=InProcess(self.sandbox),
            clock=self.loop.time,
            compiles=compiled,
        )
        self._lifespan = Lifespan(app)
        self.run(self._lifespan.start())
        self._http = httpx.AsyncClient(
            transport=httpx.ASGITransport(app=app), base_url="http://gateway.test"
        )
        self.history = {who: History() for who in PEOPLE}
        self._noted: dict[str, Rows] = {}
        self.look()

    @property
    def now(self) -> float:
        return self.loop.time()

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.loop.run_until_complete(work)

    def look(self) -> None:
        """Take down what is true now."""
        for who in PEOPLE:
            state = self._state(who)
            if state is not self._noted.get(who):
                self.history[who].note(self.now, self.rows(who))
                self._noted[who] = state

    def rows(self, who: str) -> Sequence[Row]:
        """The clients of a caller, in list order."""
        return ordered(self._state(who), self.sandbox.behaviour)

    def _state(self, who: str) -> Rows:
        """What each write replaces."""
        return self.sandbox._clients(PEOPLE[who]).seen(math.inf)  # noqa: SLF001 - copies nothing

    def wait(self, seconds: float) -> None:
        self.run(asyncio.sleep(seconds))
        self.look()

    def ask(self, who: str, query: str, *, explain: bool = False, **variables: Any) -> Reply:
        """Send one operation and take down what came of it."""
        before = len(self.sandbox.calls)
        extensions = {"upstream": {"explain": True}} if explain else {}
        response = self.run(
            self._http.post(
                "/graphql",
                json={"query": query, "variables": variables, "extensions": extensions},
                headers={"X-API-Key": PEOPLE[who].api_key},
            )
        )
        self.look()
        return Reply(response.json(), self.sandbox.calls[before:])

    def write_behind(self, who: str, id: str, **fields: Any) -> None:
        """Change a client as another program would, beside the gateway."""
        clients = self.sandbox._clients(PEOPLE[who])  # noqa: SLF001 - no call, so no fault
        stamp = format_time(BEGIN + timedelta(seconds=self.now))
        clients.update(id, SandboxRequest("PUT", "", {}, fields, self.now, stamp), 409)
        self.look()

    def close(self) -> None:
        self.sandbox.faults.clear()
        self.run(self._http.aclose())
        self.run(self._lifespan.stop())
        left = asyncio.all_tasks(self.loop)
        for task in left:
            task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            self.run(asyncio.wait(left) if left else asyncio.sleep(0))
        self.loop.close()
