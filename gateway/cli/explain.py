"""The `explain` command: the price of an operation, without executing the operation."""

from collections.abc import Iterator, Mapping
from typing import Any

import httpx2

TIMEOUT = 10.0
"""Seconds to wait for the gateway."""


class ExplainError(Exception):
    """The gateway returned no price; the message is one line with the reason."""


def fetch_explanation(
    url: str, document: str, variables: Mapping[str, Any], key: str | None
) -> dict[str, Any]:
    """Return `extensions.upstream.explain` of the response. Raises `ExplainError`."""
    body = {
        "query": document,
        "variables": variables,
        "extensions": {"upstream": {"explain": True}},
    }
    headers = {} if key is None else {"X-API-Key": key}
    if key is not None and not (key.isascii() and key.isprintable()):
        raise ExplainError("--key holds characters that no header can carry")
    try:
        response = httpx2.post(url, json=body, headers=headers, timeout=TIMEOUT, trust_env=False)
        payload = response.json()
        if "errors" in payload:
            raise ExplainError("; ".join(error["message"] for error in payload["errors"]))
        explanation: dict[str, Any] = payload["extensions"]["upstream"]["explain"]
    except httpx2.HTTPError as error:
        raise ExplainError(f"no gateway answers at {url}: {error}") from None
    except (ValueError, KeyError, TypeError):
        raise ExplainError(f"the server at {url} is not a gateway that explains prices") from None
    return explanation


def format_table(explanation: Mapping[str, Any]) -> Iterator[str]:
    """Yield a header, the price of the operation and the price of each cause, a line each."""
    unit = explanation.get("per")
    rows = [(f"each {unit}" if unit else "the whole operation", explanation)]
    rows += [(".".join(map(str, cause["path"])), cause) for cause in explanation["causes"]]
    width = max(len(name) for name, _ in rows)
    yield f"{'calls':<{width}}  at least  expected  at most"
    for name, row in rows:
        yield f"{name:<{width}}  {row['minimum']:>8}  {row['expected']:>8}  {row['maximum']:>7}"
