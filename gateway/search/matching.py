"""The clients that match a question, in its order."""

from collections.abc import Callable, Sequence
from typing import Protocol

from gateway.search.order import Order
from gateway.search.predicate import compile_criteria
from gateway.search.terms import (
    SearchText,
    Term,
    compile_terms,
    parse_terms,
    relevance,
    search_text,
)
from schema.source.records import ClientRecord
from schema.source.search import BY_DEFAULT, Criteria, Question, SearchIn


class TextOf(Protocol):
    """Returns a client's folded text."""

    def __call__(self, record: ClientRecord, *, with_notes: bool) -> SearchText:
        """Return the text, with that of the notes if it is needed."""


class Matcher:
    """Decides which clients match a question. `text_of` returns a client's folded text."""

    def __init__(self, question: Question, text_of: TextOf = search_text) -> None:
        self._terms: tuple[Term, ...] = parse_terms(question.search)
        self._criteria = (
            None if question.criteria == Criteria() else compile_criteria(question.criteria)
        )
        within = BY_DEFAULT if question.within is None else question.within
        self._occurs = compile_terms(self._terms, within) if self._terms else None
        with_notes = SearchIn.NOTES in within
        self._text_of: Callable[[ClientRecord], SearchText] = lambda record: text_of(
            record, with_notes=with_notes
        )
        self.order = Order(question.order, self._relevance) if question.order else None

    def _relevance(self, record: ClientRecord) -> int:
        return relevance(self._terms, self._text_of(record))

    def select(self, records: Sequence[ClientRecord]) -> list[int]:
        """Return the indexes of the records that match; a row that is no client matches nothing."""
        found = [index for index, record in enumerate(records) if not record.unreadable]
        if (criteria := self._criteria) is not None:
            found = [index for index in found if criteria(records[index])]
        if (occurs := self._occurs) is not None:
            text_of = self._text_of
            found = [index for index in found if occurs(text_of(records[index]))]
        return found
