"""What an office costs: a trace of its questions, in virtual time, through the whole gateway.

    python -m bench.window                 # an office; the same with ten times the reads; a flood;
                                           # and the first two with webhooks
    python -m bench.window --only office   # one of them
    python -m bench.window --fresh 900     # the seconds for which webhooks keep readings fresh

Deterministic, and no network: the sandbox is called in process, an answer takes 80 ms of virtual
time. Prints a row for each scenario and what was promised of it; exits with 1 if a promise broke.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from dataclasses import dataclass, field, replace
from statistics import quantiles
from typing import TYPE_CHECKING, Any

import orjson

from bench.office import callers, day
from gateway.app import WEBHOOK_PATH, create_app
from gateway.cache.store.memory import MemoryStore
from gateway.sandbox.api import Behaviour, Sandbox
from gateway.sandbox.webhooks import Webhooks
from gateway.settings import load_settings
from tests.clockwork import VirtualLoop
from tests.in_process import InProcess
from tests.lifespan import Lifespan

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from starlette.types import ASGIApp

    from bench.office import Question
    from gateway.sandbox.users import DemoUser
    from gateway.telemetry.metrics import Metrics
    from gateway.transport.messages import Request, Response

LATENCY = 0.08
"""Seconds an answer of the API takes."""
OLDEST, FRESH = 300, 30
"""Seconds: no answer may be older; with webhooks, than what they keep fresh and `FRESH`."""
KEY_OF_WEBHOOKS = "of the office of this trace"
WRITES = frozenset({"update", "create", "delete"})

LIST = """query List($first: Int, $after: String) {{
  clients(first: $first, after: $after{where}) {{
    totalCount pageInfo {{ hasNextPage endCursor }}
    edges {{ node {{ id fullName email phone status }} }}
  }}
}}"""
CLIENT = "query One($id: ID!) { client(id: $id) { id fullName email status version } }"
DETAILS = """query Details($id: ID!) {
  client(id: $id) { id fullName email phone notes tags budgetMin budgetMax preApproved version }
}"""
UPDATE = """mutation Change($id: ID!, $phone: String) {
  updateClient(input: { id: $id, phone: $phone }) { __typename }
}"""
CREATE = """mutation Create($first: String!) {
  createClient(input: { firstName: $first, lastName: "New", clientType: BUYER }) { __typename }
}"""
DELETE = "mutation Delete($id: ID!) { deleteClient(input: { id: $id }) { __typename } }"


@dataclass
class Tally:
    """What a trace came to, as the callers saw it."""

    reads: int = 0
    writes: int = 0
    refused_reads: int = 0
    refused_writes: int = 0
    receipt_calls: int = 0
    too_old: int = 0
    """Answers older than any may be."""
    ages: list[float] = field(default_factory=list)
    refused_of: dict[str, int] = field(default_factory=dict)
    reads_of: dict[str, int] = field(default_factory=dict)


class Office:
    """Callers talking to one gateway, each remembering what it was shown."""

    def __init__(self, app: ASGIApp, oldest: float) -> None:
        self._app = app
        self._oldest = oldest
        self._seen: dict[DemoUser, list[str]] = {}
        self._next: dict[DemoUser, tuple[str, str]] = {}
        self.tally = Tally()

    async def ask(self, question: Question) -> None:
        """Ask one question and write down what it cost."""
        if question.kind not in {"create", "list", "next"} and not self._seen.get(question.who):
            question = replace(question, kind="list")  # there is no client to ask about yet
        query, variables, where = self._put(question)
        answer = await post(self._app, question.who.api_key, query, variables)
        self._note(question, answer, where)

    def _put(  # noqa: PLR0911 - one question a kind
        self, question: Question
    ) -> tuple[str, dict[str, Any], str]:
        seen = self._seen.get(question.who, [])
        one = seen[int(question.chance * len(seen))] if seen else ""
        match question.kind:
            case "client":
                return CLIENT, {"id": one}, ""
            case "details":
                return DETAILS, {"id": one}, ""
            case "update":
                phone = f"(661) 555-{int(question.chance * 10_000):04d}"
                return UPDATE, {"id": one, "phone": phone}, ""
            case "create":
                return CREATE, {"first": f"N{question.at:.0f}"}, ""
            case "delete":
                seen.remove(one)
                return DELETE, {"id": one}, ""
            case "next" if question.who in self._next:
                where, after = self._next.pop(question.who)
                return LIST.format(where=where), {"first": 25, "after": after}, where
        where = f", filter: {{ {question.filter} }}" if question.filter else ""
        return LIST.format(where=where), {"first": 25}, where

    def _note(self, question: Question, answer: dict[str, Any], where: str) -> None:
        tally, data, who = self.tally, answer.get("data") or {}, question.who.name
        write = question.kind in WRITES
        tally.writes += write
        tally.reads += not write
        tally.reads_of[who] = tally.reads_of.get(who, 0) + (not write)
        receipt = answer.get("extensions", {}).get("upstream", {})
        tally.receipt_calls += receipt.get("calls", 0)
        outcomes = [each["__typename"] for each in data.values() if each] if write else []
        if "errors" in answer or any("Success" not in outcome for outcome in outcomes):
            tally.refused_writes += write
            tally.refused_reads += not write
            tally.refused_of[who] = tally.refused_of.get(who, 0) + (not write)
            return
        age = receipt.get("ages", {}).get("oldestSeconds")
        if age is not None:
            tally.ages.append(age)
            tally.too_old += age > self._oldest
        if not write and "clients" in data:
            self._look_at(question.who, data["clients"], where)

    def _look_at(self, who: DemoUser, page: dict[str, Any], where: str) -> None:
        ids = [edge["node"]["id"] for edge in page["edges"]]
        held = self._seen.setdefault(who, [])
        held[:] = (ids + [id for id in held if id not in ids])[:100]
        if page["pageInfo"]["hasNextPage"]:
            self._next[who] = (where, page["pageInfo"]["endCursor"])


async def post(app: ASGIApp, key: str, query: str, variables: dict[str, Any]) -> dict[str, Any]:
    """One GraphQL request, straight into the application."""
    body = orjson.dumps({"query": query, "variables": variables})
    headers = {"content-type": "application/json", "x-api-key": key}
    _, content = await send_to(app, "/graphql", body, headers)
    answer: dict[str, Any] = orjson.loads(content)
    return answer


async def send_to(
    app: ASGIApp, path: str, body: bytes, headers: dict[str, str]
) -> tuple[int, bytes]:
    """One POST, straight into the application; the status and the content of its response."""
    scope = {
        "type": "http",
        "method": "POST",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "http_version": "1.1",
        "scheme": "http",
        "client": ("127.0.0.1", 1),
        "server": ("gateway.test", 80),
        "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
    }
    statuses: list[int] = []
    sent: list[bytes] = []
    answered = False

    async def receive() -> dict[str, Any]:
        nonlocal answered
        if answered:
            await asyncio.Event().wait()
        answered = True
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.body":
            sent.append(message.get("body", b""))
        else:
            statuses.append(message["status"])

    await app(scope, receive, send)
    return statuses[0], b"".join(sent)


class Distant(InProcess):
    """The sandbox, some way off; counts its refusals."""

    refused = 0

    async def handle(self, request: Request[Any]) -> Response:
        """Answer after a while."""
        await asyncio.sleep(LATENCY)
        response = await super().handle(request)
        self.refused += response.status_code == 429
        return response


@dataclass(frozen=True)
class Outcome:
    """A row of the table."""

    tally: Tally
    calls: int
    refused_by_api: int
    held_bytes: int
    seconds: float
    sandbox: Sandbox
    metrics: Metrics | None
    """What the gateway counted, if its settings say so."""
    least: int
    """Calls that no gateway could save, by `least_calls`."""

    @property
    def details(self) -> int:
        """Reads of one client: rows have all fields, but the response to a create has not."""
        return sum(call.startswith("GET /clients/") for call in self.sandbox.calls)

    @property
    def per_thousand(self) -> float:
        """Upstream calls for a thousand operations."""
        return 1000 * self.calls / (self.tally.reads + self.tally.writes)

    def row(self, name: str) -> str:
        """Format the row in the columns of `HEAD`."""
        tally = self.tally
        cuts = quantiles(tally.ages, n=100) if len(tally.ages) > 1 else [0.0] * 99
        return (
            f"{name:<18}{tally.reads + tally.writes:>11}{self.calls:>8}{self.least:>7}"
            f"{self.details:>9}{self.per_thousand:>8.1f}"
            f"{self.refused_by_api:>6}{tally.refused_reads:>15}{tally.refused_writes:>16}"
            f"{cuts[49]:>6.0f}{cuts[98]:>6.0f}{max(tally.ages, default=0):>6.0f}"
            f"{self.held_bytes / 2**20:>10.1f}{self.seconds:>9.0f}"
        )


SCENARIOS = ("office", "tenfold", "flood", "webhooks", "webhooks-tenfold")
HEAD = (
    f"{'scenario':<18}{'operations':>11}{'calls':>8}{'least':>7}{'details':>9}{'/1000':>8}{'429s':>6}"
    f"{'reads refused':>15}{'writes refused':>16}{'p50':>6}{'p99':>6}{'max':>6}{'MiB held':>10}"
    f"{'took s':>9}"
)


def run(
    people: Sequence[DemoUser],
    questions: Sequence[Question],
    behaviour: Behaviour | None = None,
    webhooks: float = 0,
    **settings: Any,
) -> Outcome:
    """Ask all of the questions, each at its time, of a gateway with some settings changed.

    With `webhooks` the API sends them, and readings are fresh for so many seconds.
    """
    loop = VirtualLoop()
    sandbox = Sandbox(people, clock=loop.time, behaviour=behaviour)
    wire = Distant(sandbox)
    store = MemoryStore(clock=loop.time)
    if webhooks:
        settings |= {"webhook_secrets": (KEY_OF_WEBHOOKS,), "webhook_fresh": webhooks}
    chosen = load_settings({}, _env_file=None, **settings)
    app = create_app(chosen, wire=wire, store=store, clock=loop.time)
    office = Office(app, oldest=max(OLDEST, webhooks + FRESH))

    async def deliver(path: str, body: bytes, headers: dict[str, str]) -> int:
        await asyncio.sleep(LATENCY)
        return (await send_to(app, path, body, headers))[0]

    if webhooks:
        sandbox.webhooks = Webhooks(WEBHOOK_PATH, KEY_OF_WEBHOOKS, send=deliver)
    began = time.perf_counter()

    async def all_of_them() -> None:
        start = loop.time()
        lifespan = Lifespan(app)
        await lifespan.start()
        async with asyncio.TaskGroup() as tasks:
            for question in questions:
                await asyncio.sleep(start + question.at - loop.time())
                tasks.create_task(office.ask(question))
        await lifespan.stop()

    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.run(all_of_them())
    took = time.perf_counter() - began
    calls, held = len(sandbox.calls), store.held_bytes
    least = least_calls(questions, max(OLDEST, webhooks + FRESH))
    return Outcome(office.tally, calls, wire.refused, held, took, sandbox, app.metrics, least)


def least_calls(questions: Sequence[Question], oldest: float) -> int:
    """Return the calls without which no list is older than `oldest`, whatever gateway shows it.

    Each write is one. A caller's lists need a call whenever the last one is older: as late as
    possible, hence at a question. Lists of several pages, and details, need more.
    """
    calls = 0
    read_at: dict[DemoUser, float] = {}
    for question in questions:
        known_at = read_at.get(question.who)
        if question.kind in WRITES and (known_at is not None or question.kind == "create"):
            calls += 1
        elif known_at is None or (
            question.kind in {"list", "next"} and question.at - known_at > oldest
        ):
            read_at[question.who] = question.at
            calls += 1
    return calls


def broken(outcome: Outcome) -> list[str]:
    """Return the promises that every trace must keep and this one did not."""
    tally = outcome.tally
    promises = {
        "the API refused nothing (429)": outcome.refused_by_api == 0,
        "every write was accepted": tally.refused_writes == 0,
        "99.5 % of the reads were answered": tally.refused_reads <= 0.005 * tally.reads,
        "no answer was older than any may be": tally.too_old == 0,
        # What was still under way when the trace ended is on no receipt.
        "the receipts add up to what the API counted": 0
        <= outcome.calls - tally.receipt_calls
        <= 20,
    }
    return [promise for promise, kept in promises.items() if not kept]


def flood(people: list[DemoUser], seed: int) -> list[Question]:
    """One window in which one caller, the one of most rows, asks a hundred times as much."""
    questions = day(people, seed=seed, windows=1)
    return sorted(
        [*questions, *day(people[:1], seed=seed + 1, windows=1, reads=100)],
        key=lambda question: question.at,
    )


def main(arguments: Sequence[str]) -> int:
    """Run the scenarios and judge them; the exit status."""
    options = argparse.ArgumentParser(description="What an office costs, in virtual time.")
    options.add_argument("--callers", type=int, default=100)
    options.add_argument("--windows", type=int, default=4)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--only", choices=SCENARIOS)
    options.add_argument("--fresh", type=float, default=3_600, metavar="SECONDS")
    chosen = options.parse_args(arguments)
    people = callers(chosen.callers, chosen.seed)
    print(HEAD, flush=True)
    wrong: list[str] = []
    outcomes: dict[str, Outcome] = {}
    for name in SCENARIOS:
        if chosen.only not in {None, name}:
            continue
        if name == "flood":
            questions = flood(people, chosen.seed)
        else:
            reads = 10 if "tenfold" in name else 1
            questions = day(people, seed=chosen.seed, windows=chosen.windows, reads=reads)
        outcome = run(people, questions, webhooks=chosen.fresh if "webhooks" in name else 0)
        outcomes[name] = outcome
        print(outcome.row(name), flush=True)
        missed = broken(outcome)
        if name == "flood":
            missed = _drowned(outcome, people[0])
        if name == "office" and outcome.per_thousand > 48:
            missed.append("at most 48 calls for 1,000 operations")
        wrong += [f"{name}: {promise}" for promise in missed]
    wrong += compared(outcomes)
    print("\n".join(f"BROKEN  {promise}" for promise in wrong) or "Every promise was kept.")
    return 1 if wrong else 0


def compared(outcomes: Mapping[str, Outcome]) -> list[str]:
    """Return the promises about the calls of two scenarios that were not kept."""
    bounds = {
        "tenfold": ("office", 1.1, "ten times the reads cost at most a tenth more"),
        "webhooks": ("office", 1 / 3, "webhooks save two thirds of the calls"),
        "webhooks-tenfold": ("webhooks", 1.05, "ten times the reads cost at most 5 % more"),
    }
    return [
        f"{name}: {promise}: {outcomes[name].calls} of {most * outcomes[other].calls:.0f},"
        f" the least possible are {outcomes[name].least}"
        for name, (other, most, promise) in bounds.items()
        if {name, other} <= outcomes.keys() and outcomes[name].calls > most * outcomes[other].calls
    ]


def _drowned(outcome: Outcome, flooder: DemoUser) -> list[str]:
    """Whether the others lost over 1 % of their reads to the one that floods."""
    tally = outcome.tally
    reads = sum(count for who, count in tally.reads_of.items() if who != flooder.name)
    lost = sum(count for who, count in tally.refused_of.items() if who != flooder.name)
    kept = lost <= 0.01 * reads and not outcome.refused_by_api and not tally.refused_writes
    return [] if kept else [f"the others lose at most 1 % of their reads (lost {lost} of {reads})"]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
