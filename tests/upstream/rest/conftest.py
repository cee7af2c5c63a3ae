"""The REST source over a wire that answers as a test says."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import orjson
import pytest

from gateway.api.source import RestClientSource
from gateway.transport.messages import Request, Response
from schema.source.request_context import Caller, Credential, RequestContext
from tests.wires import CoroutineTransport, path_of, respond

Answer = Response | Exception


@dataclass
class Scripted(CoroutineTransport):
    """Answers each request with what `answer` makes of it, and remembers them all."""

    answer: Callable[[Request[Any]], Answer]
    sent: list[Request[Any]] = field(default_factory=list)

    async def handle(self, request: Request[Any]) -> Response:
        self.sent.append(request)
        await asyncio.sleep(0.01)
        answer = self.answer(request)
        if isinstance(answer, Exception):
            raise answer
        return answer

    @property
    def calls(self) -> list[str]:
        return [f"{request.method} {path_of(request).removeprefix('/v1')}" for request in self.sent]


def reply(status: int, body: object, **headers: str) -> Response:
    content = body if isinstance(body, bytes) else orjson.dumps(body)
    return respond(status, content=content, headers=headers)


def source(wire: Scripted) -> RestClientSource:
    return RestClientSource(wire, "http://api.test/v1")


def asking(credential: str = "f" * 64) -> RequestContext:
    return RequestContext(Caller("a partition", Credential("X-API-Key", credential)), deadline=1e12)


@pytest.fixture
def operation() -> RequestContext:
    return asking()
