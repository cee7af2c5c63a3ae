"""Behind a reverse proxy two users share connections, and neither gets the other's answer."""

import asyncio
import os
from collections import Counter
from pathlib import Path
from random import Random

import pytest

from gateway.sandbox.api import Sandbox
from gateway.sandbox.users import ADA, GRACE
from tests.proxies.reverse import PROXIES
from tests.proxies.traffic import KINDS, plan, traffic
from tests.recorder import recorder
from tests.serving import Way, serving

REQUESTS = int(os.environ.get("PROXY_REQUESTS", "300"))
KEYS = [who.api_key.encode() for who in (ADA, GRACE)]
PLENTY = 1_000_000


@pytest.mark.parametrize("name", list(PROXIES))
def test_every_request_gets_its_own_answer_and_none_is_lost(
    tmp_path: Path, way: Way, name: str
) -> None:
    requests = plan(Random(name), REQUESTS)  # noqa: S311 - the same traffic every time
    sandbox = Sandbox(limit=PLENTY)

    with (
        serving(sandbox, way, upstream_rate_limit=PLENTY, timeout_keep_alive=60) as gateway,
        recorder(gateway.port) as relay,
        PROXIES[name].before(relay.port, tmp_path) as port,
    ):
        result = asyncio.run(traffic(port, requests))

    wrong = {
        request.tag: (request.kind, result.get(request.tag))
        for request in requests
        if result.get(request.tag) != request.expected
    }
    assert wrong == {}
    assert len(result) == REQUESTS
    assert [call for call in sandbox.calls if not call.startswith("GET ")] == []
    assert Counter(request.kind for request in requests).keys() == set(KINDS)
    shared = [heard for heard in relay.heard if all(key in heard for key in KEYS)]
    assert shared, "no connection to the gateway carried both users' requests"
