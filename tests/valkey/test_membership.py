"""When a gateway may trust what it holds."""

import subprocess
import sys
from pathlib import Path

from gateway.storage.journal.member_locks import MemberLocks
from gateway.storage.journal.membership import (
    MEMBER_SECONDS,
    SUSPECT_SECONDS,
    TRUST_SECONDS,
    Membership,
)


def test_a_gateway_trusts_what_it_holds_for_a_second_after_each_heartbeat() -> None:
    members = Membership()
    assert members.in_doubt(100.0)

    members.trust(100.0)

    assert not members.in_doubt(100.9)
    assert members.in_doubt(100.0 + TRUST_SECONDS)
    assert TRUST_SECONDS < MEMBER_SECONDS, "the others wait for longer than it answers"


def test_a_lost_gateway_leaves_doubt_until_it_returns() -> None:
    members = Membership()
    members.lost("other", 100.0)
    members.trust(100.0)
    assert members.in_doubt(100.5)

    members.settled("other")

    assert not members.in_doubt(100.5)


def test_a_gateway_that_does_not_return_is_gone_when_its_lease_is() -> None:
    members = Membership()
    members.lost("other", 100.0)
    end = 100.0 + SUSPECT_SECONDS
    assert not members.pass_time(end - 1)
    members.trust(end)
    assert members.in_doubt(end)

    assert members.pass_time(end), "what it may have written last is not known"

    assert not members.in_doubt(end)


def test_a_gateway_that_was_killed_is_known_by_its_lock(tmp_path: Path) -> None:
    living, stopped, starting, last = (MemberLocks(tmp_path / "gateways") for _ in range(4))
    killed = f"MemberLocks(Path({str(tmp_path / 'gateways')!r})).enter('killed')"
    assert living.enter("living") == stopped.enter("stopped") == []
    stopped.forget(["stopped"])
    code = f"from pathlib import Path; from {MemberLocks.__module__} import *; {killed}"
    subprocess.run([sys.executable, "-c", code], check=True)  # noqa: S603 - our own code

    assert starting.enter("starting") == ["killed"]

    starting.forget(["killed"])
    assert starting.enter("starting") == last.enter("last") == []
