import json
from pathlib import Path

import pytest

from gateway.web.manifests import load_manifest

APOLLO = {
    "format": "apollo-persisted-query-manifest",
    "version": 1,
    "operations": [
        {"id": "one", "name": "One", "type": "query", "body": "query One { __typename }"},
        {"id": "two", "name": "Two", "type": "mutation", "body": "mutation Two { __typename }"},
    ],
}
RELAY = {"2a37c4d2": "query One { __typename }"}


@pytest.mark.parametrize(
    ("written", "documents"),
    [
        (APOLLO, {"one": "query One { __typename }", "two": "mutation Two { __typename }"}),
        (RELAY, RELAY),
        ({}, {}),
    ],
)
def test_both_kinds_of_file_are_read(
    tmp_path: Path, written: object, documents: dict[str, str]
) -> None:
    file = tmp_path / "documents.json"
    file.write_text(json.dumps(written))

    assert load_manifest(file) == documents


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ("{", "neither Apollo's manifest nor Relay's map"),
        ("[]", "neither"),
        ('{"a": 1}', "neither"),
        (json.dumps(APOLLO | {"version": 2}), "is not version 1"),
        (json.dumps(APOLLO | {"operations": [{"id": "one"}]}), "neither"),
    ],
)
def test_any_other_file_is_refused_in_one_line(tmp_path: Path, written: str, reason: str) -> None:
    file = tmp_path / "documents.json"
    file.write_text(written)

    with pytest.raises(ValueError, match=reason) as refusal:
        load_manifest(file)

    assert "\n" not in str(refusal.value)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="cannot be read: No such file"):
        load_manifest(tmp_path / "documents.json")
