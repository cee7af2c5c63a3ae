"""Metric families made of counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from gateway.telemetry.histogram import Histogram

PREFIX = "clients_gateway_"
Labels = tuple[object, ...]


def counter(
    name: str, about: str, labels: Sequence[str], counts: Iterable[tuple[Labels, float]]
) -> CounterMetricFamily:
    """Return a counter; its name gets the prefix and `_total`."""
    family = CounterMetricFamily(PREFIX + name, about, labels=labels)
    for values, count in counts:
        family.add_metric([*map(str, values)], count)
    return family


def gauge(
    name: str, about: str, labels: Sequence[str], values: Iterable[tuple[Labels, float]]
) -> GaugeMetricFamily:
    """Return a gauge; its name gets the prefix."""
    family = GaugeMetricFamily(PREFIX + name, about, labels=labels)
    for label_values, value in values:
        family.add_metric([*map(str, label_values)], value)
    return family


def histogram(
    name: str, about: str, labels: Sequence[str], durations: Iterable[tuple[Labels, Histogram]]
) -> HistogramMetricFamily:
    """Return a histogram of seconds; `name` is complete."""
    family = HistogramMetricFamily(name, about, labels=labels, unit="seconds")
    for values, observed in durations:
        family.add_metric([*map(str, values)], observed.cumulative(), observed.total)
    return family


def single(counts: Mapping[str, float]) -> Iterable[tuple[Labels, float]]:
    """Return counts by one label."""
    return (((label,), count) for label, count in counts.items())


def number(name: str, about: str, value: float) -> GaugeMetricFamily:
    """Return a gauge without labels."""
    return gauge(name, about, (), [((), value)])
