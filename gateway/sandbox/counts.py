"""Faults of lists: wrong counts, and pages smaller than requested."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gateway.sandbox.clients import SandboxError
from gateway.sandbox.faults import ALWAYS, Fault, ResponseChange, SandboxRequest, SandboxResponse

if TYPE_CHECKING:
    from collections.abc import Callable


def _counts(change: Callable[[dict[str, Any], int], None]) -> Fault:
    def answer(answer: SandboxResponse) -> None:
        if answer.meta is not None:
            change(answer.meta, len(answer.records))

    return ResponseChange(times=ALWAYS, method="GET", change=answer)


def _total(count: Callable[[int, int], int]) -> Fault:
    """Return a fault with another total and its number of pages; `hasMore` is unchanged."""

    def change(meta: dict[str, Any], rows: int) -> None:
        meta["total"] = count(meta["total"], rows)
        meta["totalPages"] = math.ceil(meta["total"] / meta["limit"])

    return _counts(change)


def _meta(**values: object) -> Fault:
    return _counts(lambda meta, _: meta.update(values))


def _without_meta(answer: SandboxResponse) -> None:
    if answer.meta is not None:
        del answer.envelope["data"]["meta"]


def _twice(answer: SandboxResponse) -> None:
    rows = answer.records
    if answer.meta is not None and rows:
        answer.envelope["data"]["clients"] = [rows[0], *rows[:-1]]


def _null_row(answer: SandboxResponse) -> None:
    if answer.meta is not None and answer.records:
        answer.envelope["data"]["clients"][0] = None


@dataclass
class SmallPages(Fault):
    """A fault that caps pages at `most` rows. `silent` keeps the requested limit in `meta`."""

    times: float = ALWAYS
    method: str = "GET"
    most: int = 50
    silent: bool = False
    refused: bool = False

    def receive(self, call: SandboxRequest) -> None:
        """Lower the limit, or reject the call."""
        limit = _limit(call)
        if limit > self.most and self.refused:
            raise SandboxError(400, "VALIDATION_ERROR", f"limit must be at most {self.most}.")
        if limit > self.most:
            call.query["limit"] = str(self.most)
            call.query["_requested"] = str(limit)

    def answer(self, call: SandboxRequest, answer: SandboxResponse) -> None:
        """Restore the requested limit in `meta`."""
        super().answer(call, answer)
        if self.silent and answer.meta is not None and "_requested" in call.query:
            answer.meta["limit"] = int(call.query["_requested"])


@dataclass
class SlowRows(Fault):
    """A fault that delays a list by `each` seconds a row."""

    times: float = ALWAYS
    method: str = "GET"
    path: str = "/clients"
    each: float = 0.05

    def delay(self, call: SandboxRequest) -> float:
        """Return the seconds for all requested rows."""
        return self.each * _limit(call) if call.path == "/clients" else 0.0


def _limit(call: SandboxRequest) -> int:
    text = call.query.get("limit", "25")
    return int(text) if text.isdigit() else 25


FAULTS: dict[str, tuple[str, Fault]] = {
    "total-one-high": ("meta.total is one too high", _total(lambda total, _: total + 1)),
    "total-low": ("meta.total is ten too low", _total(lambda total, _: max(0, total - 10))),
    "total-of-page": ("meta.total counts the rows of the page", _total(lambda _, rows: rows)),
    "total-zero": ("meta.total is 0", _total(lambda _, __: 0)),
    "has-more-always": ("meta.hasMore is always true", _meta(hasMore=True)),
    "has-more-never": ("meta.hasMore is always false", _meta(hasMore=False)),
    "meta-missing": ("lists have no meta", ResponseChange(times=ALWAYS, change=_without_meta)),
    "row-twice": (
        "the first row of a page comes twice",
        ResponseChange(times=ALWAYS, change=_twice),
    ),
    "row-null": ("the first row of a page is null", ResponseChange(times=ALWAYS, change=_null_row)),
    "page-cap-50": ("pages are capped at 50 rows, and meta.limit is 50", SmallPages()),
    "page-cap-50-silent": (
        "pages are capped at 50 rows, and meta.limit is the requested one",
        SmallPages(silent=True),
    ),
    "page-refused": ("a limit beyond 50 is refused with 400", SmallPages(refused=True)),
    "page-slow": ("a list takes 50 ms for each row requested", SlowRows()),
}
