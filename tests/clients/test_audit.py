"""GraphQL over HTTP by the book: the audit suite of the specification's reference server."""

import json
from pathlib import Path

from tests.clients.conftest import Program, places
from tests.e2e.conftest import running

# GET is for documents known in advance; these are the ones that the suite asks by GET.
ASKED_BY_GET = {
    "name": "{ __typename }",
    "type": "query Type($name: String!) { __type(name: $name) { name } }",
}


def test_every_audit_of_graphql_over_http_passes_for_a_caller_with_a_credential(
    program: Program, tmp_path: Path
) -> None:
    documents = tmp_path / "documents.json"
    documents.write_text(json.dumps(ASKED_BY_GET))

    with running(
        "run",
        "--port",
        "0",
        ready="Ctrl-C",
        folder=tmp_path,
        GATEWAY_DOCUMENTS_FILE=str(documents),
    ) as demo:
        *audits, total = program("audit.mjs", **places(demo)).splitlines()

    assert [audit for audit in audits if not audit.startswith("ok ")] == []
    assert total == "61 of 61 audits passed"
