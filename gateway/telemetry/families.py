"""Metric families made of counts."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

from gateway.telemetry.histogram import Histogram

PREFIX = "clients_gateway_"
Labels = tuple[object, ...]
F = TypeVar("F", bound=CounterMetricFamily | GaugeMetricFamily)


def counter(
    name: str, about: str, labels: Sequence[str], counts: Iterable[tuple[Labels, float]]
) -> CounterMetricFamily:
    """Return a counter; its name gets the prefix and `_total`."""
    return _filled(CounterMetricFamily(PREFIX + name, about, labels=labels), counts)


def gauge(
    name: str, about: str, labels: Sequence[str], values: Iterable[tuple[Labels, float]]
) -> GaugeMetricFamily:
    """Return a gauge; its name gets the prefix."""
    return _filled(GaugeMetricFamily(PREFIX + name, about, labels=labels), values)


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


def _filled(family: F, samples: Iterable[tuple[Labels, float]]) -> F:
    for values, sample in samples:
        family.add_metric([*map(str, values)], sample)
    return family
