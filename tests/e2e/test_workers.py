"""Several processes on one port: started, replaced, reloaded and drained by a supervisor."""

import asyncio
import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from gateway.cli.parser import parser
from gateway.sandbox.users import DEMO
from gateway.server.workers.process import WorkerProcess
from gateway.server.workers.restarts import LONGEST_DELAY, restart_delay
from tests.e2e.conftest import Running, started
from tests.e2e.test_commands import command
from tests.e2e.test_servers import ask, calls_seen, is_executed, refused, slowly, talking_to
from tests.valkey.servers import Server, running

SECRET = "a secret of more than thirty-two characters"
COUNT = {"query": "{ clients { totalCount } }"}
KEY = {"X-API-Key": DEMO.api_key}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("workers")


@pytest.fixture(scope="module")
def valkey(folder: Path) -> Iterator[Server]:
    with running("valkey", folder, "--appendonly", "yes") as server:
        yield server


@contextlib.contextmanager
def workers(
    count: int, sandbox: Running, valkey: Server, folder: Path, **settings: str
) -> Iterator[Running]:
    with started(
        "serve",
        *("--workers", str(count)),
        folder=folder,
        GATEWAY_UPSTREAM_URL=f"{sandbox.url}/v1",
        GATEWAY_VALKEY_URL=f"redis://127.0.0.1:{valkey.port}",
        GATEWAY_SECRET=SECRET,
        **settings,
    ) as gateway:
        yield gateway


@pytest.fixture
def two(sandbox: Running, valkey: Server, folder: Path) -> Iterator[Running]:
    with workers(2, sandbox, valkey, folder) as gateway:
        yield gateway


def processes(gateway: Running) -> list[int]:
    """The workers that it printed."""
    (listed,) = re.findall(r"^Workers   \d+: processes (.*)$", gateway.output, re.MULTILINE)
    return [int(each) for each in listed.split(", ")]


def line(gateway: Running) -> str:
    """The next line that it prints."""
    assert gateway.process.stdout is not None
    return gateway.process.stdout.readline()


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def listening_files(pid: int, port: int) -> int:
    """How many open files of a process are the socket that listens on a port."""
    rows = [row.split() for row in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    [inode] = {row[9] for row in rows if row[3] == "0A" and row[1].endswith(f":{port:04X}")}
    files = [each.readlink() for each in Path(f"/proc/{pid}/fd").iterdir()]
    return files.count(Path(f"socket:[{inode}]"))


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split(") ")[1][0] != "Z"
    except FileNotFoundError:
        return False


def test_without_a_shared_budget_several_workers_are_refused_in_one_line(tmp_path: Path) -> None:
    status, printed, reason = command("serve", "--workers", "2", folder=tmp_path)

    assert (status, printed) == (2, "")
    assert reason.startswith("clients-gateway: --workers 2 needs GATEWAY_VALKEY_URL: without a")
    assert reason.count("\n") == 1


@pytest.mark.parametrize("count", ["0", "-1", "65", "two", ""])
def test_an_impossible_number_of_workers_is_refused(
    count: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        parser().parse_args(["serve", f"--workers={count}"])

    assert capsys.readouterr().err.endswith(f"{count!r} is not a number from 1 to 64\n")


def test_the_start_names_every_process_and_its_metrics(
    sandbox: Running, valkey: Server, folder: Path
) -> None:
    # Below those that the system gives to connections, of which there are many beside this test.
    first = next(port for port in range(20_000, 32_000, 2) if is_free(port) and is_free(port + 1))
    address = f"127.0.0.1:{first}"
    with workers(2, sandbox, valkey, folder, GATEWAY_METRICS_ADDRESS=address) as gateway:
        shown = [
            httpx.get(f"http://127.0.0.1:{first + number}/metrics", trust_env=False).text
            for number in range(2)
        ]
        printed = [line for line in gateway.output.splitlines() if not line.startswith("{")]
        lines = [line.split(maxsplit=1) for line in printed]

    assert [name for name, _ in lines] == [
        *("State", "GraphQL", "Workers", "Metrics", "Metrics", "API", "Budget", "Acts"),
    ]
    assert lines[3][1] == f"http://127.0.0.1:{first}/metrics"
    assert lines[4][1] == f"http://127.0.0.1:{first + 1}/metrics"
    begun = [re.findall(r"^process_start_time_seconds (.*)$", each, re.MULTILINE) for each in shown]
    assert begun[0] != begun[1]


def test_workers_leave_connections_that_come_at_once_to_each_other(two: Running) -> None:
    port = int(two.url.rpartition(":")[2])

    assert [listening_files(pid, port) for pid in processes(two)] == [1, 1]


def test_a_mistake_in_a_file_is_one_line_however_many_workers(
    sandbox: Running, valkey: Server, tmp_path: Path
) -> None:
    (tmp_path / "documents.json").write_text('{"a": "{ nonsense }"}')
    status, printed, reason = command(
        *("serve", "--workers", "3", "--port", "0"),
        folder=tmp_path,
        GATEWAY_VALKEY_URL=f"redis://127.0.0.1:{valkey.port}",
        GATEWAY_SECRET=SECRET,
        GATEWAY_UPSTREAM_URL=f"{sandbox.url}/v1",
        GATEWAY_STATE_DIR="none",
        GATEWAY_TRUSTED_DOCUMENTS_FILE="documents.json",
    )

    assert (status, printed) == (2, "")
    assert reason.startswith("clients-gateway: GATEWAY_TRUSTED_DOCUMENTS_FILE has a, which is")
    assert reason.count("\n") == 1


def test_a_worker_that_is_killed_is_replaced_and_the_other_answers_meanwhile(two: Running) -> None:
    one, other = processes(two)
    os.kill(other, signal.SIGKILL)

    answers = [
        httpx.post(f"{two.url}/graphql", json=COUNT, headers=KEY, trust_env=False, timeout=20)
        for _ in range(5)
    ]

    assert {answer.json()["data"]["clients"]["totalCount"] for answer in answers} == {42}
    assert f"worker 2 (process {other}) ended by SIGKILL; the next one starts in 0.5" in line(two)
    replaced = re.search(r"worker 2 is process (\d+) now", line(two))
    assert replaced
    assert is_alive(int(replaced[1]))
    assert is_alive(one)
    assert two.stop() == 0


HANGING = """
import asyncio, os, socket, sys, time
from gateway.server.graceful_stop import GracefulStop
from gateway.server.workers import process, supervisor
process.BEAT_SECONDS = supervisor.BEAT_SECONDS = 0.1
supervisor.KILL_SECONDS = 1.0

def work(number, supervised):
    async def serve():
        stop = asyncio.Event()
        supervised.listen(GracefulStop(lambda: None, stop.set))
        supervised.beat()
        if number == 1 and not os.path.exists("hung"):
            open("hung", "w").close()
            await asyncio.sleep(0.3)
            time.sleep(60)
        await stop.wait()
    asyncio.run(serve())
    return 0

def announce(pids):
    print("started", flush=True)

sys.exit(supervisor.Supervisor(2, work, socket.socket(), announce).run())
"""


def test_a_worker_whose_event_loop_hangs_is_replaced(tmp_path: Path) -> None:
    process = subprocess.Popen(  # noqa: S603 - our own interpreter
        [sys.executable, "-c", HANGING], cwd=tmp_path, stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    lines = [process.stderr.readline() for _ in range(3)]
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=20)

    assert process.returncode == 0
    assert re.fullmatch(r"worker 2 \(process \d+\) hangs\n", lines[0])
    assert lines[1].endswith("ended by SIGKILL; the next one starts in 0.5 s\n")
    assert re.fullmatch(r"worker 2 is process \d+ now\n", lines[2])


def test_restarts_are_put_off_while_workers_live_shortly() -> None:
    delays = [restart_delay(lives) for lives in range(9)]

    assert delays == [0, 0.5, 1, 2, 4, 8, 16, LONGEST_DELAY, LONGEST_DELAY]
    assert restart_delay(10_000) == LONGEST_DELAY, "after days, too"


async def test_a_request_under_way_is_answered_while_all_drain(
    two: Running, sandbox: Running
) -> None:
    await slowly(sandbox, 1)
    question = asyncio.create_task(ask(two))
    await calls_seen(sandbox)

    for pid in (two.process.pid, *processes(two)):  # as systemd does, to all of a service
        os.kill(pid, signal.SIGTERM)

    assert (await question)["data"] == {"clients": {"totalCount": 42}}
    assert await asyncio.to_thread(two.process.wait, 20) == 0
    assert await refused(two)
    assert not any(map(is_alive, processes(two)))


async def test_workers_that_are_to_stop_are_not_ready_and_answer_until_they_drain(
    sandbox: Running, valkey: Server, folder: Path
) -> None:
    with workers(2, sandbox, valkey, folder, GATEWAY_SHUTDOWN_DELAY="60") as gateway:
        gateway.process.send_signal(signal.SIGTERM)
        async with talking_to(gateway) as http:
            fresh = {"Connection": "close"}  # another worker may take the next connection
            deadline = time.monotonic() + 20
            seen = [0]
            while set(seen[-6:]) != {503} and time.monotonic() < deadline:
                seen.append((await http.get("/readyz", headers=fresh)).status_code)
            answer = await ask(gateway)
            gateway.process.send_signal(signal.SIGTERM)
            status = await asyncio.to_thread(gateway.process.wait, 20)

    assert set(seen[-6:]) == {503}
    assert answer["data"] == {"clients": {"totalCount": 42}}
    assert status == 0


def test_sighup_loads_the_documents_of_every_worker_again(
    sandbox: Running, valkey: Server, folder: Path, tmp_path: Path
) -> None:
    file = tmp_path / "documents.json"
    file.write_text('{"a": "{ __typename }"}')
    trusted = {"GATEWAY_ALLOWED_DOCUMENTS": "trusted", "GATEWAY_TRUSTED_DOCUMENTS_FILE": str(file)}

    with workers(2, sandbox, valkey, folder, **trusted) as gateway:
        file.write_text('{"b": "{ __typename }"}')
        gateway.process.send_signal(signal.SIGHUP)
        printed = [line(gateway) for _ in range(2)]
        executed = [is_executed(gateway, id) for id in "ababab"]

    assert printed == ["Documents 1 trusted documents loaded\n"] * 2
    assert executed == [False, True] * 3


def test_workers_end_with_a_supervisor_that_is_killed(two: Running) -> None:
    two.stop(signal.SIGKILL)

    deadline = time.monotonic() + 20
    while any(map(is_alive, processes(two))) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(map(is_alive, processes(two)))


async def test_a_second_signal_ends_every_worker_at_once(two: Running, sandbox: Running) -> None:
    await slowly(sandbox, 60, times=9)
    question = asyncio.create_task(ask(two))
    await calls_seen(sandbox)

    two.process.send_signal(signal.SIGTERM)
    await asyncio.sleep(0.3)
    two.process.send_signal(signal.SIGTERM)
    await asyncio.to_thread(two.process.wait, 6)
    question.cancel()

    assert not any(map(is_alive, processes(two)))


def test_a_worker_that_closed_its_socket_and_does_not_end_is_killed() -> None:
    ours, theirs = socket.socketpair()
    theirs.close()
    hanging = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    worker = WorkerProcess(0, hanging.pid, ours, 0.0)

    assert not worker.hear(1.0)
    assert worker.exit_code(within=0.0) == -signal.SIGKILL
    hanging.communicate()
