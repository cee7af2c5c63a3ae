"""A task that several callers await: each gets its outcome, and none ends it by leaving."""

import asyncio
from collections.abc import Callable, Coroutine

import pytest

from gateway.shared_task import SharedTask


async def result_of(release: asyncio.Event, failure: Exception | None = None) -> str:
    await release.wait()
    if failure is not None:
        raise failure
    return "read"


async def turns_until_awake(
    share: Callable[[Coroutine[None, None, str]], asyncio.Future[str]],
) -> int:
    """How often the loop turns from the task's last step until who awaits it continues."""
    release, turns = asyncio.Event(), 0
    waiter = asyncio.ensure_future(share(result_of(release)))
    await asyncio.sleep(0)
    release.set()
    await asyncio.sleep(0)  # the task's last step is in the next turn
    while not waiter.done():
        await asyncio.sleep(0)
        turns += 1
    assert waiter.result() == "read"
    return turns


async def test_its_callers_continue_before_those_who_await_a_shield() -> None:
    def shielded(coroutine: Coroutine[None, None, str]) -> asyncio.Future[str]:
        return asyncio.shield(asyncio.ensure_future(coroutine))

    ours = await turns_until_awake(lambda coroutine: SharedTask(coroutine).result())

    assert ours < await turns_until_awake(shielded)


async def test_a_caller_that_leaves_leaves_the_task_to_the_others() -> None:
    release = asyncio.Event()
    shared = SharedTask(result_of(release))
    leaving, staying = shared.result(), shared.result()
    leaving.cancel()
    release.set()

    assert await staying == "read"
    assert await shared.result() == "read"  # one who comes after its end


@pytest.mark.parametrize("begun", [True, False])
async def test_a_task_that_is_cancelled_is_cancelled_for_all(*, begun: bool) -> None:
    shared = SharedTask(result_of(asyncio.Event()))
    waiting = [shared.result(), shared.result()]
    if begun:
        await asyncio.sleep(0)
    shared.task.cancel()

    for each in [*waiting, shared.result()]:
        with pytest.raises(asyncio.CancelledError):
            await each


async def test_a_failure_is_that_of_each_caller_and_its_end_is_known_before() -> None:
    release, ends = asyncio.Event(), list[str]()
    shared = SharedTask(result_of(release, LookupError("gone")), lambda: ends.append("ended"))
    waiting = [shared.result(), shared.result()]
    release.set()

    for each in [*waiting, shared.result()]:
        with pytest.raises(LookupError, match="gone"):
            await each
        assert ends == ["ended"]
