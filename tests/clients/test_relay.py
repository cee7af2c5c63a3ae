"""Relay: its compiler over our SDL, strictly typed, and its runtime over what that compiled."""

import shutil
from pathlib import Path

from gateway.sandbox.users import EDSGER
from tests.clients.conftest import BIN, HERE, TEST, Program, places
from tests.e2e.conftest import started

BUILD = HERE / "relay" / "build"


def test_a_relay_application_pages_both_ways_and_changes_what_it_shows(
    program: Program, tmp_path: Path
) -> None:
    shutil.rmtree(BUILD, ignore_errors=True)
    (BUILD / "artifacts").mkdir(parents=True)
    documents = BUILD / "documents.json"
    documents.write_text("{}")

    program(BIN / "relay-compiler", "relay.config.json", folder="relay")
    program(BIN / "tsc", folder="relay")
    with started(
        "run",
        folder=tmp_path,
        GATEWAY_ALLOWED_DOCUMENTS="trusted",
        GATEWAY_TRUSTED_DOCUMENTS_FILE=str(documents),
    ) as demo:
        program(*TEST, "build/js/src/", folder="relay", **places(demo, by=EDSGER))
