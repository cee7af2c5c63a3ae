"""A change or a deletion whose answer is lost is sent once more, where that can do no harm."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from gateway.sandbox.faults import Fault
from gateway.writes.recovery import DELETE_CALLS, MERGE_CALLS, UPDATE_CALLS
from schema.source.errors import ClientError, Conflict, WriteUnconfirmed
from schema.source.records import ClientRecord
from schema.source.writes import ClientPatch, Confirmation, MergeResult, WriteResult
from tests.upstream.recovery.conftest import Desk, Fate

MINE, THEIRS = "mine@example.com", "theirs@example.com"


def sets(desk: Desk, **fields: str) -> Callable[[], Awaitable[None]]:
    """Somebody else changes the first client."""
    id = desk.first
    return lambda: desk.somebody("PUT", f"/{id}", fields)


def other_status(desk: Desk) -> str:
    return "active" if desk.rows[0]["status"] == "closed" else "closed"


def version(desk: Desk) -> int:
    return int(desk.rows[0]["version"])


def versioned(desk: Desk, **changes: Any) -> ClientPatch:
    return replace(ClientPatch({"email": MINE}, expected_version=version(desk)), **changes)


async def update(desk: Desk, patch: ClientPatch) -> WriteResult | ClientError:
    try:
        return await desk.source.update(desk.operation, desk.first, patch)
    except ClientError as failure:
        return failure


async def delete(desk: Desk, id: Any) -> Confirmation | ClientError:
    try:
        return await desk.source.delete(desk.operation, id)
    except ClientError as failure:
        return failure


def outcome(end: WriteResult | Confirmation | ClientError) -> str:
    if isinstance(end, WriteResult):
        return end.confirmed_by.name
    return end.name if isinstance(end, Confirmation) else type(end).__name__


@pytest.mark.parametrize("status", [409, 412, 400])
@pytest.mark.parametrize(
    ("fates", "end", "calls"),
    [
        (["answered"], "ANSWER", ["PUT one"]),
        (["answer lost"], "READBACK", ["PUT one", "PUT one", "GET one"]),
        (["never arrived"], "ANSWER", ["PUT one"]),
        (["answer lost", "answer lost"], "READBACK", ["PUT one", "PUT one", "GET one"]),
        (["answer lost", "never arrived"], "READBACK", ["PUT one", "GET one"]),
        (["answer lost", "never sent"], "READBACK", ["PUT one", "GET one"]),
        (["never arrived", "answer lost"], "READBACK", ["PUT one", "GET one"]),
        (["never arrived", "never arrived"], "WriteUnconfirmed", ["GET one"]),
        (["never sent"], "Unavailable", []),
    ],
)
async def test_a_versioned_change_is_sent_once_more_and_then_looked_at(
    desk: Desk, fates: list[Fate], end: str, calls: list[str], status: int
) -> None:
    desk.sandbox.behaviour = replace(desk.sandbox.behaviour, conflict_status=status)
    desk.wire.fates, before = list(fates), version(desk)

    ended = await update(desk, versioned(desk))

    assert outcome(ended) == end
    assert desk.calls == calls
    assert len(calls) <= UPDATE_CALLS
    made = end in {"ANSWER", "READBACK"}
    assert (desk.rows[0]["email"] == MINE, version(desk)) == (made, before + made)


async def test_a_stale_version_is_refused_and_explained_by_what_changed(desk: Desk) -> None:
    patch = versioned(desk, base=record(desk))
    await sets(desk, email=THEIRS, status=other_status(desk))()

    ended = await update(desk, patch)

    assert isinstance(ended, Conflict)
    assert ended.current is not None
    assert (ended.current.email, ended.current.version) == (THEIRS, version(desk))
    assert (ended.changed, ended.maybe_written) == (frozenset({"email", "status"}), False)
    assert desk.calls == ["PUT one", "GET one"]


def record(desk: Desk) -> ClientRecord:
    return ClientRecord(
        **{name: desk.rows[0][name] for name in ("id", "email", "phone", "status", "version")}
    )


async def test_a_change_that_somebody_else_came_before_was_surely_not_made(desk: Desk) -> None:
    patch = versioned(desk)
    desk.wire.fates, desk.wire.afterwards = ["never arrived"], [sets(desk, email=THEIRS)]

    ended = await update(desk, patch)

    assert isinstance(ended, Conflict)
    assert (ended.expected_version, ended.maybe_written) == (patch.expected_version, False)
    assert desk.rows[0]["email"] == THEIRS


@pytest.mark.parametrize("fate", ["answer lost", "never arrived"])
async def test_a_change_under_several_others_may_be_among_them(desk: Desk, fate: Fate) -> None:
    patch = versioned(desk, merge=True, base=record(desk))

    async def twice() -> None:
        await sets(desk, email=THEIRS)()
        await sets(desk, email=THEIRS)()

    desk.wire.fates, desk.wire.afterwards = [fate], [twice]

    ended = await update(desk, patch)

    assert isinstance(ended, Conflict)
    assert ended.maybe_written
    assert desk.rows[0]["email"] == THEIRS


@pytest.mark.parametrize(
    ("fates", "end"),
    [
        (["answered"], "ANSWER"),
        (["answer lost"], "READBACK"),
        (["never arrived"], "WriteUnconfirmed"),
        (["never sent"], "Unavailable"),
    ],
)
async def test_a_change_without_a_version_is_looked_at_and_never_sent_again(
    desk: Desk, fates: list[Fate], end: str
) -> None:
    desk.wire.fates = list(fates)

    ended = await update(desk, ClientPatch({"email": MINE}))

    assert outcome(ended) == end
    assert desk.calls.count("PUT one") <= 1
    if isinstance(ended, WriteUnconfirmed):
        assert [record.email for record in ended.candidates] == [desk.rows[0]["email"]]


async def test_a_change_without_a_version_that_somebody_overwrote_is_unknown(desk: Desk) -> None:
    desk.wire.fates, desk.wire.afterwards = ["answer lost"], [sets(desk, email=THEIRS)]

    ended = await update(desk, ClientPatch({"email": MINE}))

    assert isinstance(ended, WriteUnconfirmed)
    assert [record.email for record in ended.candidates] == [THEIRS]
    assert desk.rows[0]["email"] == THEIRS


async def test_a_value_the_api_wrote_its_own_way_is_the_one_that_was_sent(desk: Desk) -> None:
    patch = versioned(desk, fields={"email": "Mine@Example.com "})
    desk.sandbox.fail(Fault(method="GET", times=9, record={"email": MINE}))
    desk.wire.fates = ["answer lost"]

    assert outcome(await update(desk, patch)) == "READBACK"


TIDIED = [
    ({"phone": "661-555-0123"}, {"phone": "+16615550123"}),
    ({"phone": "(661) 555-0123"}, {"phone": "661.555.0123"}),
    ({"phone": "020 7946 0018"}, {"phone": "+44 20 7946 0018"}),
    ({"phone": "+44 (0)20 7946 0018"}, {"phone": "00442079460018"}),
    ({"email": "  Mine@EXAMPLE.com"}, {"email": "mine@example.com"}),
    ({"email": "mine@bücher.example"}, {"email": "mine@xn--bcher-kva.example"}),
    ({"email": "josé@example.com"}, {"email": "jose\u0301@example.com"}),
    ({"email": "mine@example.com\u200b"}, {"email": "mine@example.com"}),
    ({"status": "closed"}, {"status": "CLOSED"}),
    ({"phone": None}, {"phone": ""}),
]


@pytest.mark.parametrize(("sent", "stored"), TIDIED, ids=str)
async def test_what_apis_tidy_is_recognised(
    desk: Desk, sent: dict[str, str], stored: dict[str, str]
) -> None:
    patch = versioned(desk, fields=sent)
    desk.sandbox.fail(Fault(method="GET", times=9, record=stored))
    desk.wire.fates = ["answer lost"]

    assert outcome(await update(desk, patch)) == "READBACK"
    assert desk.calls == ["PUT one", "PUT one", "GET one"]


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        ({"phone": "661-555-0123 x5"}, {"phone": "+16615550123"}),
        ({"phone": "not a number"}, {"phone": None}),
        ({"phone": "+1 661 555 a0"}, {"phone": "+1 661 555 b0"}),
        ({"phone": "661-555-0123"}, {"phone": "555-0123"}),
        ({"email": "mine+crm@example.com"}, {"email": "mine@example.com"}),
        ({"email": "mine@example.com"}, {"email": "m***@example.com"}),
        ({"email": "mine@example.com"}, {"email": None}),
        ({"phone": None}, {"phone": "+16615550123"}),
    ],
    ids=str,
)
async def test_a_field_that_differs_proves_no_other_writer(
    desk: Desk, sent: dict[str, str], stored: dict[str, str]
) -> None:
    patch = versioned(desk, fields=sent)
    desk.sandbox.fail(Fault(method="GET", times=9, record=stored))
    desk.wire.fates = ["answer lost"]

    ended = await update(desk, patch)

    assert isinstance(ended, Conflict)
    assert ended.maybe_written


@pytest.mark.parametrize(
    "theirs", [{"email": THEIRS}, {"phone": "+1 661 555 0199"}, {"status": "closed"}], ids=str
)
async def test_a_value_that_no_tidying_makes_of_ours_proves_that_nothing_was_written(
    desk: Desk, theirs: dict[str, str]
) -> None:
    await sets(desk, status="active")()
    ours = {"email": MINE, "phone": "661-555-0123", "status": "inactive"}
    patch = versioned(desk, fields=ours)
    desk.wire.fates, desk.wire.afterwards = ["never arrived"], [sets(desk, **theirs)]

    ended = await update(desk, patch)

    assert isinstance(ended, Conflict)
    assert not ended.maybe_written


async def test_how_this_api_tidies_is_learnt_from_answered_writes(desk: Desk) -> None:
    rewritten = {"email": "contact-7@crm.example"}
    desk.sandbox.fail(Fault(method="PUT", times=1, record=rewritten))
    await update(desk, versioned(desk))
    desk.sandbox.fail(Fault(method="GET", times=9, record=rewritten))

    desk.wire.fates = ["answer lost"]
    same = await update(desk, versioned(desk))
    desk.wire.fates = ["answer lost"]
    other = await update(desk, versioned(desk, fields={"email": "other@example.com"}))

    assert outcome(same) == "READBACK"
    assert isinstance(other, Conflict)
    assert other.maybe_written, "this API gives the field values of its own"


async def test_a_put_that_a_proxy_repeated_may_have_been_written(desk: Desk) -> None:
    desk.wire.beforehand = [sets(desk, email=MINE)]  # the first of the two

    ended = await update(desk, versioned(desk))

    assert isinstance(ended, Conflict)
    assert ended.maybe_written


async def test_a_value_only_like_the_one_sent_proves_nothing_without_a_version(desk: Desk) -> None:
    await sets(desk, phone="(661) 555-0123")()
    desk.wire.fates = ["never arrived"]

    assert outcome(await update(desk, ClientPatch({"phone": "661-555-0123"}))) == "WriteUnconfirmed"


@pytest.mark.parametrize("with_version", [True, False])
async def test_a_change_that_cannot_be_looked_at_is_unknown(
    desk: Desk, *, with_version: bool
) -> None:
    patch = versioned(desk) if with_version else ClientPatch({"email": MINE})
    desk.wire.fates, desk.wire.unreadable = ["answer lost"], True

    ended = await update(desk, patch)

    assert isinstance(ended, WriteUnconfirmed)
    assert ended.candidates == ()


async def test_a_client_deleted_meanwhile_is_missed(desk: Desk) -> None:
    patch, id = versioned(desk), desk.first
    desk.wire.fates = ["never arrived"]
    desk.wire.afterwards = [lambda: desk.somebody("DELETE", f"/{id}")]

    assert outcome(await update(desk, patch)) == "NotFound"


async def test_a_budget_that_ends_after_an_unknown_leaves_it_unknown(desk: Desk) -> None:
    desk.wire.fates = ["answer lost"]
    patch = versioned(desk)
    desk.sandbox.fail(Fault(method="GET", status=429, headers={"Retry-After": "9"}))

    assert outcome(await update(desk, patch)) == "WriteUnconfirmed"
    assert desk.calls == ["PUT one", "PUT one", "GET one"]


async def test_a_merge_keeps_what_somebody_else_changed(desk: Desk) -> None:
    patch, before = versioned(desk, merge=True, base=record(desk)), desk.rows[0]
    await sets(desk, status=other_status(desk))()

    ended = await update(desk, patch)

    assert isinstance(ended, WriteResult)
    assert ended.merged_over == MergeResult(version(desk) - 1, frozenset({"status"}))
    assert desk.rows[0]["email"] == MINE
    assert desk.rows[0]["status"] != before["status"]
    assert desk.calls == ["PUT one", "GET one", "PUT one"]


@pytest.mark.parametrize(
    "base",
    [
        None,
        ClientRecord(id="00000000-0000-4000-8000-000000000000", status="active"),
    ],
    ids=["nothing known", "the field unknown"],
)
async def test_what_the_writer_had_read_must_be_known_to_merge(
    desk: Desk, base: ClientRecord | None
) -> None:
    patch = versioned(desk, merge=True, base=base)
    await sets(desk, status=other_status(desk))()

    assert outcome(await update(desk, patch)) == "Conflict"
    assert desk.rows[0]["email"] != MINE


async def test_a_merge_never_overwrites_somebody_elses_change(desk: Desk) -> None:
    patch = versioned(desk, merge=True, base=record(desk))
    await sets(desk, email=THEIRS)()

    assert outcome(await update(desk, patch)) == "Conflict"
    assert desk.rows[0]["email"] == THEIRS


async def test_a_merge_with_the_same_change_is_no_conflict(desk: Desk) -> None:
    patch = versioned(desk, merge=True, base=record(desk))
    await sets(desk, email=MINE)()

    assert outcome(await update(desk, patch)) == "ANSWER"


@pytest.mark.parametrize(("others", "end"), [(1, "ANSWER"), (2, "ANSWER"), (3, "Conflict")])
async def test_a_merge_is_tried_twice(desk: Desk, others: int, end: str) -> None:
    patch = versioned(desk, merge=True, base=record(desk))
    desk.wire.beforehand = [sets(desk, phone=str(n)) for n in range(others)]

    ended = await update(desk, patch)

    assert outcome(ended) == end
    assert len(desk.calls) <= MERGE_CALLS
    assert (desk.rows[0]["email"] == MINE) == (end == "ANSWER")
    assert desk.rows[0]["phone"] == str(others - 1)


async def test_a_lost_answer_to_a_merge_is_found_again(desk: Desk) -> None:
    patch = versioned(desk, merge=True, base=record(desk))
    await sets(desk, status=other_status(desk))()
    desk.wire.fates = ["answered", "answer lost"]

    ended = await update(desk, patch)

    assert isinstance(ended, WriteResult)
    assert ended.confirmed_by is Confirmation.READBACK
    assert ended.merged_over is not None


@pytest.mark.parametrize(
    ("fates", "end", "calls"),
    [
        (["answered"], "ANSWER", ["DELETE one"]),
        (["answer lost"], "READBACK", ["DELETE one", "DELETE one"]),
        (["never arrived"], "ANSWER", ["DELETE one"]),
        (["answer lost", "never arrived"], "READBACK", ["DELETE one", "GET one"]),
        (["never arrived", "answer lost"], "READBACK", ["DELETE one", "GET one"]),
        (["never arrived", "never arrived"], "WriteUnconfirmed", ["GET one"]),
        (["never sent"], "Unavailable", []),
    ],
)
async def test_a_deletion_is_sent_once_more_and_then_looked_at(
    desk: Desk, fates: list[Fate], end: str, calls: list[str]
) -> None:
    desk.wire.fates, id = list(fates), desk.first

    ended = await delete(desk, id)

    assert outcome(ended) == end
    assert desk.calls == calls
    assert len(calls) <= DELETE_CALLS
    assert (desk.row(id) is None) == (end in {"ANSWER", "READBACK"})
    if isinstance(ended, WriteUnconfirmed):
        assert [record.id for record in ended.candidates] == [id]


async def test_a_client_that_was_never_there_is_not_deleted(desk: Desk) -> None:
    assert outcome(await delete(desk, "00000000-0000-4000-8000-000000000000")) == "NotFound"
    assert desk.calls == ["DELETE one"]


async def test_a_deletion_that_cannot_be_looked_at_is_unknown(desk: Desk) -> None:
    desk.wire.fates, desk.wire.unreadable = ["answer lost", "never arrived"], True

    ended = await delete(desk, desk.first)

    assert isinstance(ended, WriteUnconfirmed)
    assert ended.candidates == ()


async def test_callers_who_leave_take_no_writes_along_and_closing_waits_for_them(
    desk: Desk,
) -> None:
    id, other = desk.first, desk.rows[1]["id"]
    writing = [
        asyncio.create_task(update(desk, versioned(desk))),
        asyncio.create_task(delete(desk, other)),
    ]
    await asyncio.sleep(0)
    for write in writing:
        write.cancel()
    await asyncio.wait(writing)
    await desk.tasks.aclose(10)

    changed = desk.row(id)
    assert changed is not None
    assert (changed["email"], desk.row(other)) == (MINE, None)
