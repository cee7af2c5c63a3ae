"""Compile criteria to a function that decides if a client's own values meet them."""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from gateway.search.values import money, when
from schema.source.records import ClientRecord
from schema.source.search import Criteria, Span


def compile_criteria(criteria: Criteria) -> Callable[[ClientRecord], bool]:
    """Return the function that decides if a record meets all of the criteria.

    A value that is null, absent or malformed meets no condition on it, and so does meet `not`.
    """
    conditions = list(conditions_of(criteria))
    if len(conditions) == 1:
        return conditions[0]
    return lambda record: all(condition(record) for condition in conditions)


def conditions_of(criteria: Criteria) -> Iterator[Callable[[ClientRecord], bool]]:
    """Yield the functions that must all return True for a record that meets the criteria."""
    for field, wanted in criteria.one_of:
        yield _one_of(field, wanted)
    for field, wanted in criteria.any_within:
        yield _labelled(field, wanted, lambda wanted, labels: not wanted.isdisjoint(labels))
    for field, wanted in criteria.all_within:
        yield _labelled(field, wanted, frozenset.issubset)
    for field, present in criteria.has_text:
        yield _has_text(field, present=present)
    for field, flag in criteria.flags:
        yield _flagged(field, flag)
    yield from _ranges(criteria)
    yield from _combined(criteria)


def _ranges(criteria: Criteria) -> Iterator[Callable[[ClientRecord], bool]]:
    for field, span in criteria.amounts:
        yield _within(field, span, money)
    for field, span in criteria.moments:
        yield _within(field, span, when)
    if criteria.budget is not None:
        yield _overlaps(criteria.budget)


def _combined(criteria: Criteria) -> Iterator[Callable[[ClientRecord], bool]]:
    for each in criteria.all_of:
        yield compile_criteria(each)
    for choices in criteria.any_of:
        yield _any_of([compile_criteria(each) for each in choices])
    for each in criteria.none_of:
        yield _not(compile_criteria(each))


def _one_of(field: str, wanted: frozenset[str]) -> Callable[[ClientRecord], bool]:
    def condition(record: ClientRecord) -> bool:
        value = getattr(record, field)
        return isinstance(value, str) and value in wanted

    return condition


def _labelled(
    field: str, wanted: frozenset[str], test: Callable[[frozenset[str], Sequence[str]], bool]
) -> Callable[[ClientRecord], bool]:
    return lambda record: test(wanted, getattr(record, field) or ())


def _flagged(field: str, flag: object) -> Callable[[ClientRecord], bool]:
    return lambda record: getattr(record, field) is flag


def _has_text(field: str, *, present: bool) -> Callable[[ClientRecord], bool]:
    def condition(record: ClientRecord) -> bool:
        value = getattr(record, field)
        return (isinstance(value, str) and bool(value.strip())) is present

    return condition


def _within(field: str, span: Span, read: Callable[[Any], Any]) -> Callable[[ClientRecord], bool]:
    low, high, exclusive = span

    def condition(record: ClientRecord) -> bool:
        value = read(getattr(record, field))
        if value is None or (low is not None and value < low):
            return False
        return high is None or value < high or (value == high and not exclusive)

    return condition


def _overlaps(span: Span) -> Callable[[ClientRecord], bool]:
    """Return the condition that a client's budget, open where an end is null, meets the span."""
    low = -math.inf if span.low is None else span.low
    high = math.inf if span.high is None else span.high

    def condition(record: ClientRecord) -> bool:
        least, most = money(record.budget_min), money(record.budget_max)
        if least is None and most is None:
            return False
        return (least is None or least <= high) and (most is None or most >= low)

    return condition


def _any_of(
    conditions: list[Callable[[ClientRecord], bool]],
) -> Callable[[ClientRecord], bool]:
    return lambda record: any(condition(record) for condition in conditions)


def _not(condition: Callable[[ClientRecord], bool]) -> Callable[[ClientRecord], bool]:
    return lambda record: not condition(record)
