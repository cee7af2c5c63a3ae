"""Strangers who would fill the memory or a core, against a real process with the default limits.

What is held to is memory: 250 MB at most, whatever is connected. How long others wait meanwhile is
reported beside it, as a ratio within one run.
"""

import statistics
import sys
import threading
import time

from tests.attacks.attacked import LEFT, MOST, RELEASE, Attacked
from tests.attacks.hostile import KINDS, Kind, attack
from tests.attacks.length import SECONDS


def suffered(attacked: Attacked, kinds: list[Kind], many: int, *, again: bool) -> str:
    """Attack, and report: the process never holds more than it may, and soon what it did."""
    with attacked.polled() as before:
        threading.Event().wait(0.3)
    rests = attacked.megabytes("VmRSS")
    with attacked.polled() as meanwhile:
        sent = attack(attacked.address, kinds, many, SECONDS or 0.5, again=again)
    most = attacked.megabytes("VmHWM")
    ends = time.monotonic() + RELEASE
    while attacked.megabytes("VmRSS") - rests > LEFT and time.monotonic() < ends:
        threading.Event().wait(0.1)
    after = attacked.megabytes("VmRSS")
    report = (
        f"{sent / 1e6:.0f} MB taken; resident {rests:.0f} MB before, {most:.0f} MB at most,"
        f" {after:.0f} MB after; /livez median"
        f" {statistics.median(meanwhile) / statistics.median(before):.1f} times, worst"
        f" {max(meanwhile) * 1e3:.0f} ms of {max(before) * 1e3:.0f} ms"
    )
    assert attacked.process.poll() is None, report
    assert most <= MOST, report
    assert after - rests <= LEFT, report
    assert meanwhile, report
    return report


def test_no_kind_of_stranger_fills_the_memory(attacked: Attacked) -> None:
    for kind, sends in KINDS.items():
        sys.stdout.write(f"\n{kind}: {suffered(attacked, [sends], 40, again=False)}")


def test_a_thousand_of_all_kinds_together_do_not(attacked: Attacked) -> None:
    report = suffered(attacked, list(KINDS.values()), 990, again=True)
    sys.stdout.write(f"\n990 of all kinds: {report}\n")
