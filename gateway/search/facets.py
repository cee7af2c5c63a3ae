"""Count the values of the clients that match."""

from collections import Counter
from collections.abc import Callable, Sequence
from math import fsum
from statistics import fmean, median_high, median_low

from gateway.search.folding import fold
from gateway.search.values import money, text
from schema.source.records import ClientRecord
from schema.source.search import Statistics, ValueCount

_COUNTED, _VALUE = 800, 80
"""Bytes that the counts of a field take, and one value of it."""


class Facets:
    """The counts over some records; each is computed once, when it is first read."""

    def __init__(self, records: Sequence[ClientRecord]) -> None:
        self._records = records
        self.weight = 0
        """Approximate bytes of what was computed; the values are the records' own."""
        self.when_grown: Callable[[int], None] = lambda _: None
        """Called with the bytes of what has just been computed."""
        self._counted: dict[str, Sequence[ValueCount]] = {}
        self._budget: Statistics | None = None

    def values(self, field: str) -> Sequence[ValueCount]:
        """Return the values of a record field; None counts clients without a value."""
        if field not in self._counted:
            counts = Counter(text(getattr(record, field)) for record in self._records)
            self._keep(field, _ranked(counts))
        return self._counted[field]

    def labels(self, field: str) -> Sequence[ValueCount]:
        """Return the values in the lists of a record field, each once for each client."""
        if field not in self._counted:
            counts = Counter(
                label for record in self._records for label in set(getattr(record, field) or ())
            )
            self._keep(field, _ranked(counts))
        return self._counted[field]

    def budget(self) -> Statistics:
        """Return the statistics of the budgets: of the middle of each, and of all their ends."""
        if self._budget is None:
            ends = [
                [
                    end
                    for end in map(money, (record.budget_min, record.budget_max))
                    if end is not None
                ]
                for record in self._records
            ]
            self._budget = _statistics([each for each in ends if each])
        return self._budget

    def _keep(self, field: str, ranked: Sequence[ValueCount]) -> None:
        self._counted[field] = ranked
        grown = _COUNTED + _VALUE * len(ranked)
        self.weight += grown
        self.when_grown(grown)


def _ranked(counts: Counter[str | None]) -> Sequence[ValueCount]:
    """Return the counts, the highest first; equal ones by value, None last."""
    ranked = sorted(
        counts.items(),
        key=lambda item: (-item[1], item[0] is None, fold(item[0] or ""), item[0] or ""),
    )
    return [ValueCount(value, count) for value, count in ranked]


def _statistics(ends: Sequence[Sequence[float]]) -> Statistics:
    if not ends:
        return Statistics(0)
    middles = [_mean(each) for each in ends]
    middle = _mean((median_low(middles), median_high(middles)))
    return Statistics(len(ends), min(map(min, ends)), max(map(max, ends)), _mean(middles), middle)


def _mean(numbers: Sequence[float]) -> float:
    """Return the mean, also of numbers whose sum exceeds a double."""
    try:
        return fmean(numbers)
    except OverflowError:
        return fsum(number / len(numbers) for number in numbers)
