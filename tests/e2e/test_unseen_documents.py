"""A process that is sent documents it has never seen, one after the other, stays as large.

UNSEEN_DOCUMENTS says how many of each kind are sent, 40 unless it is set.
"""

import contextlib
import http.client
import os
import re
from pathlib import Path

import orjson
import pytest

from gateway.sandbox.users import DEMO
from tests.e2e.conftest import Running
from tests.schema.test_sizes import FAMILIES, WRONG

COUNT = int(os.environ.get("UNSEEN_DOCUMENTS", "40"))
MOST = 64 * 1024 * 1024
"""Bytes: three memories of 16 MiB, answers, and what the allocator keeps for later."""
KINDS = {
    name: family for name, family in (FAMILIES | WRONG).items() if not family.startswith("mutation")
}


def resident(process: int) -> int:
    """Bytes of a process that are in memory."""
    found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{process}/status").read_text())
    assert found
    return int(found[1]) * 1024


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc")
def test_documents_never_seen_before_leave_a_process_as_large_as_it_was(demo: Running) -> None:
    host = demo.url.removeprefix("http://")

    def send(connection: http.client.HTTPConnection, family: str, number: int) -> int:
        text = family.replace("~", str(number))
        body = orjson.dumps({"query": text, "operationName": None})
        headers = {"X-API-Key": DEMO.api_key, "Content-Type": "application/json"}
        connection.request("POST", "/graphql", body, headers)
        answer = connection.getresponse()
        answer.read()
        return answer.status

    with contextlib.closing(http.client.HTTPConnection(host, timeout=30)) as connection:
        for family in KINDS.values():
            send(connection, family, 0)
        before = resident(demo.process.pid)
        statuses = {
            send(connection, family, number)
            for number in range(1, COUNT)
            for family in KINDS.values()
        }

    assert statuses <= {200, 294, 400, 422}
    assert resident(demo.process.pid) - before <= MOST
