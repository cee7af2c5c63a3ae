"""Faults of lists: wrong counts, odd rows, and pages smaller than requested."""
# ruff: noqa: E501 - one row is one line

import math
from collections.abc import Callable
from typing import Any

from gateway.sandbox.faults import LIST, Fault, SandboxError, SandboxRequest, SandboxResponse

MOST = 50


def _list(change: Callable[[dict[str, Any]], object]) -> Fault:
    """Return a fault that changes `clients` and `meta` of a list."""
    return Fault("GET", change=lambda _, answer: "meta" in answer.data and change(answer.data))


def _total(count: Callable[[int, int], int]) -> Fault:
    """Return a fault with another total and its number of pages; `hasMore` is unchanged."""

    def change(data: dict[str, Any]) -> None:
        meta = data["meta"]
        meta["total"] = count(meta["total"], len(data["clients"]))
        meta["totalPages"] = math.ceil(meta["total"] / meta["limit"])

    return _list(change)


def _rows(change: Callable[[list[Any]], list[Any]]) -> Fault:
    return _list(lambda data: data.update(clients=change(data["clients"])))


def _meta(**values: object) -> Fault:
    return _list(lambda data: data["meta"].update(values))


def _refuse(call: SandboxRequest) -> None:
    if call.limit > MOST:
        raise SandboxError(400, "VALIDATION_ERROR", f"limit must be at most {MOST}.")


def _claim(call: SandboxRequest, answer: SandboxResponse) -> None:
    if "meta" in answer.data:
        answer.data["meta"]["limit"] = max(call.limit, answer.data["meta"]["limit"])


# fmt: off
FAULTS: dict[str, tuple[str, Fault]] = {
    "total-one-high": ("meta.total is one too high", _total(lambda total, _: total + 1)),
    "total-low": ("meta.total is ten too low", _total(lambda total, _: max(0, total - 10))),
    "total-of-page": ("meta.total counts the rows of the page", _total(lambda _, rows: rows)),
    "total-zero": ("meta.total is 0", _total(lambda _, __: 0)),
    "has-more-always": ("meta.hasMore is always true", _meta(hasMore=True)),
    "has-more-never": ("meta.hasMore is always false", _meta(hasMore=False)),
    "meta-missing": ("lists have no meta", _list(lambda data: data.pop("meta"))),
    "row-twice": ("the first row of a page comes twice", _rows(lambda rows: rows[:1] + rows[:-1])),
    "row-null": ("the first row of a page is null", _rows(lambda rows: [None, *rows[1:]] if rows else [])),
    "page-cap-50": ("pages are capped at 50 rows, and meta.limit is 50", Fault("GET", most=MOST)),
    "page-cap-50-silent": ("pages are capped at 50 rows, and meta.limit is the requested one", Fault("GET", most=MOST, change=_claim)),
    "page-refused": ("a limit beyond 50 is refused with 400", Fault("GET", receive=_refuse)),
    "page-slow": ("a list takes 50 ms for each row requested", Fault("GET", LIST, row_latency=0.05)),
}
# fmt: on
