import json
from pathlib import Path

import pytest

from tests.e2e.conftest import Running
from tests.e2e.test_commands import command

PAGE = "query ($first: Int!) { page: clients(first: $first) { edges { node { firstName } } } }"


def explain(folder: Path, *more: str) -> tuple[int, str, str]:
    (folder / "page.graphql").write_text(PAGE)
    return command("explain", "page.graphql", *more, folder=folder)


def test_a_price_comes_from_a_running_gateway(demo: Running, tmp_path: Path) -> None:
    key = demo.output.split("Demo key")[1].split()[0]
    variables = json.dumps({"first": 20})

    result = explain(
        tmp_path, "--variables", variables, "--key", key, "--url", f"{demo.url}/graphql"
    )

    table = (
        "calls                at least  expected  at most\n"
        "the whole operation         1         1       40\n"
        "page                        1         1       40\n"
    )
    assert result == (0, table, "")


def test_a_price_is_printed_as_json_for_programs(demo: Running, tmp_path: Path) -> None:
    variables = ("--variables", json.dumps({"first": 20}))

    status, printed, _ = explain(tmp_path, *variables, "--url", f"{demo.url}/graphql", "--json")

    price = json.loads(printed)
    assert status == 0
    assert (price["minimum"], price["expected"], price["maximum"]) == (1, 1, 40)
    assert [cause["path"] for cause in price["causes"]] == [["page"]]


def test_what_prevents_a_price_is_one_line(demo: Running, tmp_path: Path) -> None:
    status, output, wrong = explain(tmp_path, "--url", f"{demo.url}/graphql")

    assert (status, output, wrong.count("\n")) == (2, "", 1)
    assert wrong.startswith("clients-gateway: Variable '$first' has invalid value")


def test_no_gateway_is_one_line_too(tmp_path: Path) -> None:
    status, output, wrong = explain(tmp_path, "--url", "http://127.0.0.1:9/graphql")

    assert (status, output, wrong.count("\n")) == (2, "", 1)
    assert "no gateway answers at http://127.0.0.1:9/graphql" in wrong


@pytest.mark.parametrize("key", ["schlüssel", "two\nlines"])
def test_a_key_that_no_header_can_carry_is_one_line_too(tmp_path: Path, key: str) -> None:
    reason = "--key holds characters that no header can carry"

    assert explain(tmp_path, "--key", key) == (2, "", f"clients-gateway: {reason}\n")


def test_a_file_that_is_not_there_is_one_line_too(tmp_path: Path) -> None:
    result = command("explain", "nothing.graphql", folder=tmp_path)

    assert result == (
        2,
        "",
        "clients-gateway: nothing.graphql cannot be read: No such file or directory\n",
    )
