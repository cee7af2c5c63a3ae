"""Validate a document by graphql-core's rules, without those that its text cannot break.

Validation takes more CPU than all other work on a document seen for the first time.
"""

from collections.abc import Mapping

from graphql import (
    ASTValidationRule,
    DocumentNode,
    FragmentsOnCompositeTypesRule,
    GraphQLError,
    GraphQLSchema,
    KnownDirectivesRule,
    KnownFragmentNamesRule,
    NoFragmentCyclesRule,
    NoSchemaIntrospectionCustomRule,
    NoUndefinedVariablesRule,
    NoUnusedFragmentsRule,
    NoUnusedVariablesRule,
    ParallelVisitor,
    PossibleFragmentSpreadsRule,
    SingleFieldSubscriptionsRule,
    TypeInfo,
    TypeInfoVisitor,
    UniqueDirectivesPerLocationRule,
    UniqueFragmentNamesRule,
    UniqueVariableNamesRule,
    ValidationContext,
    VariablesAreInputTypesRule,
    VariablesInAllowedPositionRule,
    specified_rules,
    visit,
)
from graphql.validation import (
    DeferStreamDirectiveLabel,
    DeferStreamDirectiveOnRootField,
    DeferStreamDirectiveOnValidOperationsRule,
    MaxIntrospectionDepthRule,
    StreamDirectiveOnListField,
)

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


class _EnoughErrors(Exception):
    """The number of errors that are reported was found."""


def validate(
    schema: GraphQLSchema,
    document: DocumentNode,
    rules: Rules,
    *,
    max_errors: int,
    hide_suggestions: bool = False,
) -> list[GraphQLError]:
    """Return the first errors that `rules` find in a document, in one pass.

    graphql-core's function of this name leaves each rule in a cycle with itself, which holds the
    document until a garbage collection.
    """
    errors: list[GraphQLError] = []

    def on_error(error: GraphQLError) -> None:
        errors.append(error)
        if len(errors) == max_errors:
            raise _EnoughErrors

    types = TypeInfo(schema)
    context = ValidationContext(schema, document, types, on_error, hide_suggestions)
    visitors = [rule(context) for rule in rules]
    together = ParallelVisitor(visitors)
    whole = TypeInfoVisitor(types, together)
    try:
        visit(document, whole)
    except _EnoughErrors:
        pass
    except RecursionError:
        errors.append(GraphQLError("The document is nested too deeply to be validated."))
    for each in (*visitors, together, whole):
        each.enter_leave_map.clear()
    return errors
