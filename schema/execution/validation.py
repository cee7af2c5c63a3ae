"""Choose the validation rules that a document's text can break.

Validation takes more CPU than all other work on a document seen for the first time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from graphql import (
    FragmentsOnCompositeTypesRule,
    KnownDirectivesRule,
    KnownFragmentNamesRule,
    NoFragmentCyclesRule,
    NoSchemaIntrospectionCustomRule,
    NoUndefinedVariablesRule,
    NoUnusedFragmentsRule,
    NoUnusedVariablesRule,
    PossibleFragmentSpreadsRule,
    SingleFieldSubscriptionsRule,
    UniqueDirectivesPerLocationRule,
    UniqueFragmentNamesRule,
    UniqueVariableNamesRule,
    VariablesAreInputTypesRule,
    VariablesInAllowedPositionRule,
    specified_rules,
)
from graphql.validation import (
    DeferStreamDirectiveLabel,
    DeferStreamDirectiveOnRootField,
    DeferStreamDirectiveOnValidOperationsRule,
    MaxIntrospectionDepthRule,
    StreamDirectiveOnListField,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from graphql import ASTValidationRule

    Rules = tuple[type[ASTValidationRule], ...]

_RULES_BY_TOKEN: Mapping[str, Rules] = {
    "$": (
        NoUndefinedVariablesRule,
        NoUnusedVariablesRule,
        UniqueVariableNamesRule,
        VariablesAreInputTypesRule,
        VariablesInAllowedPositionRule,
    ),
    "@": (
        DeferStreamDirectiveLabel,
        DeferStreamDirectiveOnRootField,
        DeferStreamDirectiveOnValidOperationsRule,
        KnownDirectivesRule,
        StreamDirectiveOnListField,
        UniqueDirectivesPerLocationRule,
    ),
    "...": (KnownFragmentNamesRule, PossibleFragmentSpreadsRule),
    "fragment": (NoFragmentCyclesRule, NoUnusedFragmentsRule, UniqueFragmentNamesRule),
    "subscription": (SingleFieldSubscriptionsRule,),
    "__": (MaxIntrospectionDepthRule, NoSchemaIntrospectionCustomRule),
}
"""Rules about constructs that cannot be written without these characters (GraphQL, 2)."""


class ValidationRules:
    """The validation rules of one graph, with or without a ban of introspection."""

    def __init__(self, *, introspection: bool) -> None:
        banned = () if introspection else (NoSchemaIntrospectionCustomRule,)
        self.all: Rules = (*specified_rules, *banned)
        self._of: dict[frozenset[str], Rules] = {}

    def applicable(self, text: str) -> Rules:
        """Return the rules that this document can break."""
        absent = frozenset(mark for mark in _RULES_BY_TOKEN if mark not in text)
        rules = self._of.get(absent)
        if rules is None:
            never = {rule for mark in absent for rule in _RULES_BY_TOKEN[mark]}
            if {"...", "fragment"} <= absent:
                never.add(FragmentsOnCompositeTypesRule)
            rules = self._of[absent] = tuple(rule for rule in self.all if rule not in never)
        return rules
