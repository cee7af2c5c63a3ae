"""Compiled operations answer what graphql-core would, byte for byte.

DIFFERENTIAL_CASES says how many cases are compared, 8,000 unless it is set; each is a document
at random with variables and answers at random, DIFFERENTIAL_SEED says which.
"""

from __future__ import annotations

import asyncio
import gc
import os
from collections import Counter
from random import Random
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from graphql import ExecutionResult

from schema.context import Context
from schema.execution.documents import InvalidDocument
from schema.execution.limits import Limits
from schema.graph import Graph
from schema.source.request_context import Caller, Credential, RequestContext
from tests.clockwork import VirtualLoop
from tests.differential.answers import Answers
from tests.differential.documents import Writer
from tests.differential.values import given

if TYPE_CHECKING:
    from graphql import GraphQLError

    from schema.execution.documents import Document
    from schema.execution.plan import ExecutionPlan

CASES = int(os.environ.get("DIFFERENTIAL_CASES", "8000"))
SEED = int(os.environ.get("DIFFERENTIAL_SEED", "1"))
EACH = 20
"""Cases for one document: different variables, different answers."""
AGAIN = 0.1
"""Part of the cases that are executed once more: a plan is for any number of times."""
PARTS = 10
ANY = Limits(depth=30, aliases=200, directives=200, root_fields=50, tokens=10_000)


def formatted(error: GraphQLError) -> dict[str, Any]:
    return {**error.formatted, "cause": repr(error.original_error)}


def answered(result: ExecutionResult) -> bytes:
    """What a client would receive, errors in any order.

    Where one error took all of the data, which others had been met before is a matter of time.
    """
    errors = [formatted(error) for error in result.errors or ()]
    if result.data is None and any("path" in error for error in errors):
        errors = errors[-1:]
    errors.sort(key=orjson.dumps)
    return orjson.dumps({"data": result.data, "errors": errors})


@pytest.fixture(scope="module")
def graphs() -> tuple[Graph, Graph]:
    return Graph(limits=ANY), Graph(limits=ANY, compiles=False)


def document(graph: Graph, chance: Random) -> tuple[Document, dict[str, str], str]:
    """The next document that is valid, as most are not: fields under one key must agree."""
    while True:
        written = Writer(graph.core, chance).document()
        found = graph.documents.parse_and_validate(written.text)
        if not isinstance(found, InvalidDocument):
            return found, written.variables, written.text


@pytest.mark.filterwarnings(r"ignore:coroutine '(?!Run\.)")  # graphql-core drops what it cancels
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # wherever that is
@pytest.mark.parametrize("part", range(PARTS))
def test_compiled_operations_answer_what_graphql_core_would(
    graphs: tuple[Graph, Graph], part: int, caplog: pytest.LogCaptureFixture
) -> None:
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        # graphql-core leaves the siblings of a failed field to themselves.
        runner.get_loop().set_exception_handler(lambda _, __: None)
        runner.run(_compared(*graphs, part, caplog))
    gc.collect()  # what was dropped is found now, not in another test


async def _compared(
    compiling: Graph, plain: Graph, part: int, caplog: pytest.LogCaptureFixture
) -> None:
    chance = Random(f"{SEED} {part}")
    kinds: Counter[str] = Counter()
    for _ in range(CASES // PARTS // EACH):
        understood, types, text = document(compiling, chance)
        for _ in range(EACH):
            seed = chance.randrange(2**32)
            values = Random(seed)
            variables = {
                name: given(type_, values)
                for name, type_ in types.items()
                if values.random() < 0.97
            }
            caller = None if values.random() < 0.02 else Caller("p", Credential("X-API-Key", "k"))
            planned = compiling.plan(understood, variables, None)
            answers = [
                answered(await _run(graph, planned, seed, caller)) for graph in (compiling, plain)
            ]
            assert answers[0] == answers[1], f"{text}\n{variables}\nseed {seed}"
            if values.random() < AGAIN:
                again = answered(await _run(compiling, planned, seed, caller))
                assert again == answers[0], f"run again: {text}\n{variables}\nseed {seed}"
            kind = _kind(answers[0])
            assert kind != "whole" or not caplog.records, f"a bug is logged: {text}\nseed {seed}"
            caplog.clear()
            kinds[kind] += 1
    cases = kinds.total()
    assert all(kinds[kind] > cases / 20 for kind in ("whole", "partial", "none")), kinds


async def _run(
    graph: Graph, planned: ExecutionPlan | list[GraphQLError], seed: int, caller: Caller | None
) -> ExecutionResult:
    if isinstance(planned, list):
        return ExecutionResult(None, planned)
    operation = None if caller is None else RequestContext(caller, 1e9)
    return await graph.run(planned, Context(Answers(seed), operation))


def _kind(answer: bytes) -> str:
    payload = orjson.loads(answer)
    if payload["data"] is None:
        return "none"
    return "partial" if payload["errors"] else "whole"
