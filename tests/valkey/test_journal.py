"""The journal on real servers: what a loss of its data costs, and whom it waits for."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
import redis

from gateway.clock import Clock
from gateway.storage.journal.commands import LATE_SECONDS, Append
from gateway.storage.journal.journal import ANNOUNCED, Journal
from gateway.storage.journal.log_reader import LogReader
from gateway.storage.journal.membership import MEMBER_SECONDS, TRUST_SECONDS
from gateway.storage.shared.contract import LogEntry, ServerUnreachable
from gateway.storage.shared.function_library import FunctionLibrary
from gateway.storage.shared.server_connection import ServerConnection
from tests.valkey.servers import Server
from tests.valkey.test_functions import CLOCK
from tests.valkey.test_gateways import until

pytestmark = pytest.mark.quiet(seconds=35)  # a server not given the machine is unreachable
KEYS = [f"journal:{name}" for name in ("state", "log", "members")]
HEALED_SECONDS = 10.0
ENTRY = Append("event", b"sealed")


class Applied:
    """What a gateway has applied, and how often it missed something."""

    def __init__(self) -> None:
        self.contents: list[bytes] = []
        self.kinds: list[str] = []
        self.misses = 0

    def apply(self, entry: LogEntry, *, own: bool) -> None:
        del own
        self.contents.append(entry.content)
        self.kinds.append(entry.kind)

    def missed(self) -> None:
        self.misses += 1


@asynccontextmanager
async def journals(
    server: Server, count: int, clock: Callable[[], float] = time.monotonic
) -> AsyncIterator[list[Journal]]:
    """Start gateways' journals on a server without data."""
    with server.client() as client:
        client.flushall()
    url = f"redis://127.0.0.1:{server.port}"
    connections = [ServerConnection(url, FunctionLibrary(), ()) for _ in range(count)]
    found = [Journal(each, LogReader(url, KEYS[1]), "journal", clock) for each in connections]
    for each in found:
        each.follower = Applied()
        await each.start()
    try:
        yield found
    finally:
        for each, connection in zip(found, connections, strict=True):
            await each.aclose()
            await connection.aclose()


@asynccontextmanager
async def stepped(server: Server) -> AsyncIterator[tuple[Journal, list[float]]]:
    """A gateway's journal, whose wall clock is as many seconds ahead as the last of a list."""
    steps = [0.0]
    clock = Clock(time.monotonic, lambda: time.monotonic() + steps[-1])
    async with journals(server, 1, clock) as [journal]:
        yield journal, steps


async def test_what_is_to_be_announced_reaches_a_server_that_lost_its_data(server: Server) -> None:
    async with journals(server, 1) as [journal], asyncio.timeout(HEALED_SECONDS):
        await journal.append(ENTRY)
        with server.client() as client:
            client.flushall()

        await journal.announce_later(ENTRY)

        assert journal.unannounced == []
        await journal.append(ENTRY)


async def test_more_than_one_batch_is_announced_completely_and_in_its_order(
    server: Server,
) -> None:
    contents = [str(number).encode() for number in range(2 * ANNOUNCED + 1)]
    async with journals(server, 2) as [journal, other], asyncio.timeout(HEALED_SECONDS):
        await journal.append(ENTRY)
        *before, last = (ENTRY._replace(content=each) for each in contents)
        journal.unannounced.extend(before)
        await journal.announce_later(last)

        assert isinstance(other.follower, Applied)
        announced = [each for each in other.follower.contents if each in contents]
        assert announced == contents


async def test_a_journal_goes_on_if_the_server_lost_its_state_but_not_its_log(
    server: Server,
) -> None:
    async with journals(server, 2) as [one, other], asyncio.timeout(HEALED_SECONDS):
        before = one.incarnation
        await one.append(ENTRY)
        with server.client() as client:
            client.delete(KEYS[0])
        await one.beat()
        await other.beat()
        assert before not in (one.incarnation, other.incarnation)

        await one.append(ENTRY._replace(content=b"later"))

        assert isinstance(other.follower, Applied)
        assert other.follower.contents.count(b"later") == 1


async def test_an_answer_waits_until_all_gateways_have_applied_what_it_shows(
    server: Server,
) -> None:
    async with journals(server, 1) as [journal], asyncio.timeout(HEALED_SECONDS):
        await journal.append(ENTRY)
        assert journal.commit.number == journal.applied
        with server.client() as client:
            client.hset(KEYS[2], "silent", f"{time_of(client) + MEMBER_SECONDS} 0")
        written = asyncio.create_task(journal.append(ENTRY))
        applied = journal.applied + 1

        async def is_applied() -> bool:
            return journal.applied >= applied

        await until(is_applied, HEALED_SECONDS)
        assert not await journal.commit.reaches(applied, 0.1), "`silent` may answer what was before"
        waiting = asyncio.create_task(journal.commit.reaches(applied, HEALED_SECONDS))
        with server.client() as client:
            client.hset(KEYS[2], "silent", f"{time_of(client) + MEMBER_SECONDS} {applied}")
        assert await waiting
        assert await written == applied


async def test_a_reading_that_is_outdated_is_seen_by_all_as_one(server: Server) -> None:
    async with journals(server, 2) as both, asyncio.timeout(HEALED_SECONDS):
        sent = both[0].position
        await both[1].append(ENTRY._replace(marks=["client"]))
        await both[0].append(Append("event", b"read", ["client"], sent))

        for journal in both:
            assert isinstance(journal.follower, Applied)
            assert journal.follower.kinds[-1] == "outdated"
            assert journal.follower.contents[-1] == b"read"


async def test_a_step_of_the_wall_clock_hurries_no_wait_for_other_gateways(
    server: Server,
) -> None:
    async with stepped(server) as (journal, steps), asyncio.timeout(HEALED_SECONDS):
        await journal.append(ENTRY)
        with server.client() as client:
            over = time_of(client) + MEMBER_SECONDS
            client.hset(KEYS[2], "silent", f"{over} 0")

            async def is_appended() -> bool:
                return journal.applied >= 3

            appended = asyncio.create_task(journal.append(ENTRY))
            await until(is_appended, HEALED_SECONDS)
            steps.append(300.0)

            assert await appended == 3
            assert time_of(client) >= over, "the silent gateway may have answered until then"


async def test_a_write_that_no_other_learns_is_answered_when_all_are_in_doubt_whatever_clocks_say(
    server: Server,
) -> None:
    async with stepped(server) as (journal, steps), asyncio.timeout(HEALED_SECONDS):
        await journal.append(ENTRY)
        server.stall()
        try:
            last = time.monotonic()
            announced = asyncio.create_task(journal.announce_later(ENTRY))
            await asyncio.sleep(0)
            steps.append(300.0)
            await announced
        finally:
            server.resume()

        assert time.monotonic() - last > MEMBER_SECONDS + TRUST_SECONDS - LATE_SECONDS


def time_of(client: redis.Redis) -> float:
    seconds, microseconds = client.time()
    return float(seconds + microseconds / 1e6)


class Functions:
    """The journal's functions, on a clock that is wound by hand."""

    def __init__(self, client: redis.Redis) -> None:
        self.client, self.library, self.now = client, FunctionLibrary(CLOCK), 1000.0
        client.flushall()
        client.function_flush()
        client.function_load(self.library.source)
        self.wind(0.0)

    def wind(self, seconds: float) -> None:
        self.now += seconds
        self.client.set("clock", repr(self.now))

    def beat(
        self, member: str, known: str = "", applied: int = 0, deadline: float = 0.0
    ) -> tuple[str, ...]:
        keys_and_values = (*KEYS, member, known, applied, MEMBER_SECONDS, "1", deadline)
        return tuple(self.client.fcall(self.library.function("journal_beat"), 3, *keys_and_values))

    def write(self, member: str, known: str) -> int:
        values = (member, known, "event", "", 0, "", "sealed")
        verdict, number = self.client.fcall(
            self.library.function("journal_append"), 3, *KEYS, *values
        )
        assert verdict == "appended"
        return int(number)

    def is_applied_by_all(
        self, member: str, known: str, wanted: int, *, applied: int | None = None
    ) -> bool:
        ack = self.library.function("journal_ack")
        place = known, wanted if applied is None else applied
        [by_all] = self.client.fcall(ack, 2, *KEYS[::2], member, *place)
        return int(by_all) >= wanted


def test_a_gateway_whose_heartbeat_was_late_learns_that_no_other_waits_for_it(
    server: Server,
) -> None:
    with server.client() as client:
        functions = Functions(client)

        assert functions.beat("one", deadline=functions.now)[3] == "1"
        assert functions.beat("one", deadline=functions.now - 0.01)[3] == "0"


@pytest.mark.parametrize("first_knows", [True, False])
def test_a_write_after_a_loss_waits_for_those_that_do_not_know_of_the_loss(
    server: Server, *, first_knows: bool
) -> None:
    with server.client() as client:
        functions = Functions(client)
        for member in ("one", "other"):
            functions.beat(member)
        incarnation = functions.beat("one")[0]
        client.flushall()
        functions.wind(0.0)

        renewed = (
            functions.beat("one", incarnation, 3)[0] if first_knows else functions.beat("new")[0]
        )
        number = functions.write("one", renewed)

        assert not functions.is_applied_by_all("one", renewed, number), "`other` trusts"
        functions.wind(MEMBER_SECONDS)
        assert functions.is_applied_by_all("one", renewed, number)


def test_what_was_applied_before_a_loss_does_not_count_after_it(server: Server) -> None:
    with server.client() as client:
        functions = Functions(client)
        before = functions.beat("other")[0]
        client.flushall()
        functions.wind(1.0)
        now = functions.beat("one")[0]
        functions.wind(MEMBER_SECONDS)
        functions.beat("one", now)
        functions.beat("other", before, applied=500)  # it has nothing of the new one
        number = functions.write("one", now)

        assert not functions.is_applied_by_all("one", now, number)
        assert not functions.is_applied_by_all("other", before, number, applied=500)
        assert not functions.is_applied_by_all("one", now, number)
        assert functions.is_applied_by_all("other", now, number)


async def test_a_reading_sent_before_a_loss_is_no_news_after_it(server: Server) -> None:
    async with journals(server, 1) as [journal], asyncio.timeout(HEALED_SECONDS):
        for _ in range(5):
            await journal.append(ENTRY)
        sent = journal.position
        with server.client() as client:
            client.flushall()
        await journal.beat()
        await journal.append(ENTRY._replace(marks=["client"]))

        with pytest.raises(ServerUnreachable):
            await journal.append(ENTRY._replace(marks=["client"], based_on=sent))
