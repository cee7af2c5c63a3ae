"""The price of an operation, asked of a running gateway: nothing is executed, nothing spent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

TIMEOUT = 10.0
"""Seconds to wait for the gateway."""


class ExplainError(Exception):
    """The gateway did not tell; the message is one line that says why."""


def fetch_explanation(
    url: str, document: str, variables: Mapping[str, Any], key: str | None
) -> dict[str, Any]:
    """`extensions.upstream.explain` of the answer. Raises `ExplainError`."""
    body = {
        "query": document,
        "variables": variables,
        "extensions": {"upstream": {"explain": True}},
    }
    headers = {} if key is None else {"X-API-Key": key}
    try:
        answer = httpx.post(url, json=body, headers=headers, timeout=TIMEOUT, trust_env=False)
        said = answer.json()
        if "errors" in said:
            raise ExplainError("; ".join(error["message"] for error in said["errors"]))
        told: dict[str, Any] = said["extensions"]["upstream"]["explain"]
    except httpx.HTTPError as error:
        raise ExplainError(f"no gateway answers at {url}: {error}") from None
    except (ValueError, KeyError, TypeError):
        raise ExplainError(f"what answers at {url} is no gateway that tells prices") from None
    return told


def format_table(told: Mapping[str, Any]) -> Iterator[str]:
    """The price and what causes it, a line each."""
    rows = [("the whole operation", told)]
    rows += [(".".join(map(str, cause["path"])), cause) for cause in told["causes"]]
    wide = max(len(name) for name, _ in rows)
    yield f"{'calls':<{wide}}  at least  expected  at most"
    for name, row in rows:
        yield f"{name:<{wide}}  {row['minimum']:>8}  {row['expected']:>8}  {row['maximum']:>7}"
