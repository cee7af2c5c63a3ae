"""What is counted as sent."""

import asyncio

import httpx
import pytest

from gateway.upstream.meter import Meter
from tests.upstream.transports.conftest import Scripted, receipt, request


async def test_an_answered_request_is_counted_for_its_payer_and_for_the_process() -> None:
    meter = Meter(Scripted([httpx.Response(200)]))
    one, other = request(deadline=1), request(deadline=1)

    for asked in (one, one, other):
        await meter.handle_async_request(asked)

    assert (receipt(one).calls, receipt(other).calls, meter.calls) == (2, 1, 3)


@pytest.mark.parametrize(
    ("error", "calls"),
    [
        (httpx.ConnectError("x"), 0),
        (httpx.ConnectTimeout("x"), 0),
        (httpx.PoolTimeout("x"), 0),
        (httpx.ReadError("x"), 1),
        (httpx.ReadTimeout("x"), 1),
        (httpx.RemoteProtocolError("x"), 1),
    ],
)
async def test_a_failed_request_is_counted_unless_it_never_left(
    error: httpx.TransportError, calls: int
) -> None:
    meter = Meter(Scripted([error]))
    asked = request(deadline=1)

    with pytest.raises(type(error)):
        await meter.handle_async_request(asked)

    assert (receipt(asked).calls, meter.calls) == (calls, calls)


async def test_a_request_still_on_its_way_is_counted_already() -> None:
    meter = Meter(Scripted([(1.0, httpx.Response(200))]))
    asked = request(deadline=9e9)
    call = asyncio.create_task(meter.handle_async_request(asked))
    await asyncio.sleep(0.5)

    assert receipt(asked).calls == 1
    await call
