"""The clients that match a question, in its order."""

from collections.abc import Callable, Mapping, Sequence

from gateway.search.order import Order
from gateway.search.predicate import conditions_of
from gateway.search.terms import SearchText, compile_term, parse_terms, relevance
from schema.source.records import ClientRecord
from schema.source.search import BY_DEFAULT, Question, SearchIn


class Matcher:
    """Decides which clients match a question.

    `texts` returns the folded texts of all clients by id, with those of the notes if its argument
    is True.
    """

    def __init__(
        self, question: Question, texts: Callable[[bool], Mapping[str, SearchText]]
    ) -> None:
        terms = parse_terms(question.search)
        within = BY_DEFAULT if question.within is None else question.within
        self._texts = texts(SearchIn.NOTES in within) if question.search else {}
        self._occurrences = [compile_term(term, within) for term in terms]
        self._conditions = list(conditions_of(question.criteria))
        self.order = (
            Order(question.order, lambda record: relevance(terms, self._texts[record.id]))
            if question.order
            else None
        )

    def select(self, records: Sequence[ClientRecord]) -> Sequence[int]:
        """Return the indexes of the records that match."""
        found: Sequence[int] = range(len(records))
        texts = self._texts
        for occurs in self._occurrences:
            found = [index for index in found if occurs(texts[records[index].id])]
        for condition in self._conditions:
            found = [index for index in found if condition(records[index])]
        return found
