"""A state folder that cannot be relied on: `serve` says so in one line, and goes on without."""

from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from gateway.storage.state_dir import open_state_dir
from gateway.writes.idempotency_store import TABLES
from tests.e2e.conftest import started

CREATE = """mutation { createClient(input: {
  firstName: "Ottoline", lastName: "Lee", clientType: BUYER, idempotencyKey: "one click"
}) { __typename } }"""


def damaged(folder: Path) -> None:
    file = folder / "state.sqlite3"
    file.write_bytes(file.read_bytes()[:4096] + b"\xde" * 8192)


def open_to_others(folder: Path) -> None:
    (folder / "secret").chmod(0o644)


@pytest.mark.parametrize(
    ("harm", "line"),
    [
        (damaged, "it was renamed to state.sqlite3.damaged-"),
        (open_to_others, "secret is open to others (mode 0644): chmod 600 it"),
    ],
)
async def test_serve_goes_on_without_a_state_that_cannot_be_relied_on(
    tmp_path: Path, harm: Callable[[Path], None], line: str
) -> None:
    await open_state_dir(tmp_path / "state", TABLES).database.aclose()
    harm(tmp_path / "state")

    with started("serve", folder=tmp_path) as gateway:
        headers = {"X-API-Key": "0" * 64}
        async with httpx.AsyncClient(base_url=gateway.url, trust_env=False) as http:
            ready = await http.get("/readyz")
            create = await http.post("/graphql", json={"query": CREATE}, headers=headers)

    [state] = [each for each in gateway.output.splitlines() if each.startswith("State")]
    assert line in state
    assert "creates with an idempotencyKey are refused" in state
    assert "Traceback" not in gateway.output
    assert ready.status_code == 200
    assert create.json()["errors"][0]["extensions"]["code"] == "IDEMPOTENCY_UNAVAILABLE"
