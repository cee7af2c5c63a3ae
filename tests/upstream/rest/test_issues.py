import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.api.error_details import CODE, LONGEST, parse_issues
from gateway.api.error_envelope import names_version
from schema.source.errors import Issue

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=400),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["field", "path", "msg", "message", "version", "email", "x"]), inner
        )
    ),
    max_leaves=12,
)


@pytest.mark.parametrize(
    ("details", "issues"),
    [
        ([{"path": ["body", "email"], "message": "bad"}], [("email", "bad")]),
        ([{"path": ["tags", 0], "message": "bad"}], [("tags.0", "bad")]),
        ([{"param": "body.client_type", "msg": "unknown"}], [("clientType", "unknown")]),
        ({"email": "is taken", "attempts": 3}, [("email", "is taken")]),
        ({"first_name": ["is blank", "is short"]}, [("firstName", "is blank")]),
        ({"field": "phone", "message": "bad"}, [("phone", "bad")]),
        ({"budget_min": {"odd": 1}}, [("budgetMin", "is not valid")]),
        ([{"field": "version", "message": "bad"}], [("expectedVersion", "bad")]),
        ([{"field": "email", "message": None}], [("email", "is not valid")]),
        ("a string", [(None, "the API's words")]),
        (7, [(None, "the API's words")]),
    ],
)
def test_problems_are_reported_by_the_graphs_names(
    details: object, issues: list[tuple[str, str]]
) -> None:
    found = parse_issues("VALIDATION_ERROR", "the API's words", details)
    assert found == [Issue(field, CODE, text) for field, text in issues]


@given(json_values)
def test_no_details_are_too_odd_to_be_read(details: object) -> None:
    issues = parse_issues("ANY", "m" * 999, details)

    assert isinstance(names_version("ANY", details), bool)
    assert all(len(issue.message) <= LONGEST for issue in issues)
    assert all(issue.field is None or len(issue.field) <= LONGEST for issue in issues)


def test_a_flood_of_problems_is_cut_off() -> None:
    flood = json.loads('[{"field":"email","message":"bad"}]') * 10_000

    assert len(parse_issues("ANY", "m", flood)) == 50


@pytest.mark.parametrize(
    ("code", "field"),
    [
        ("DUPLICATE_EMAIL", "email"),
        ("FIRST_NAME_TOO_LONG", "firstName"),
        ("NAME_TAKEN", None),
        ("VALIDATION_ERROR", None),
    ],
)
def test_an_error_without_details_is_reported_in_the_apis_words_of_the_field_its_code_names(
    code: str, field: str | None
) -> None:
    assert parse_issues(code, "It is taken.", None) == [Issue(field, CODE, "It is taken.")]
