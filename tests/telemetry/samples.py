"""The samples that a gateway shows at a moment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import orjson
from prometheus_client.parser import text_string_to_metric_families

from tests.serving import post

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.serving import Answer, Serving, Wire

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]
LIST = "query List { clients(first: 25) { edges { node { id firstName } } } }"


def scrape(gateway: Serving) -> Samples:
    """Every sample, by its name and labels."""
    assert gateway.metrics
    text = httpx.get(gateway.metrics).raise_for_status().text
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def of(samples: Samples, name: str, **labels: str) -> float:
    """The sum of the samples of this name that have these labels."""
    return sum(
        value for (each, has), value in samples.items() if each == name and labels.items() <= has
    )


def by(samples: Samples, name: str, *labels: str) -> Mapping[tuple[str, ...], float]:
    """The samples of this name that are not zero, by the values of some labels."""
    return {
        tuple(dict(has)[label] for label in labels): value
        for (each, has), value in samples.items()
        if each == name and value
    }


def query(wire: Wire, document: str, *headers: str, key: str | None = "", **more: Any) -> Answer:
    """The answer to an operation; of the demo key unless another is named."""
    body = orjson.dumps({"query": document, **more})
    return wire.ask(post(body, *headers) if key == "" else post(body, *headers, key=key))
