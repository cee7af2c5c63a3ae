"""What a person does in GraphiQL, done: by real mouse clicks, before the real demo."""

import json
import re
from typing import Any

import httpx

from tests.browser.chromium import until
from tests.browser.page import Page
from tests.e2e.conftest import Running

QUERY = ".graphiql-query-editor"
TOOLS = ".graphiql-editor-tool"
RESULT = ".result-window"
EXPLORER = ".graphiql-explorer-root"
TABS = ".graphiql-tab"

EXAMPLES = [
    "ActiveBuyers",
    "NextPage",
    "Search",
    "SortAndCount",
    "ClientById",
    "NodeById",
    "NodesByIds",
    "CreateClient",
    "UpdateClient",
    "DeleteClient",
    "ServiceSdl",
    "ClientsChanged",
]
BUILT = [
    "query MyQuery {",
    "  clients(first: 2) {",
    "    totalCount",
    "    edges {",
    "      node {",
    "        fullName",
    "      }",
    "    }",
    "  }",
    "}",
]


def demo_key(demo: Running) -> str:
    found = re.search(r"Demo key +(\S+)", demo.output)
    assert found, demo.output
    return found[1]


def in_the_sandbox(demo: Running, path: str) -> Any:
    """What the API says itself."""
    found = re.search(r"Sandbox +(\S+)", demo.output)
    assert found, demo.output
    answer = httpx.get(found[1] + path, headers={"X-API-Key": demo_key(demo)}, trust_env=False)
    return answer.raise_for_status().json()["data"]


def kept(page: Page, name: str) -> str:
    """What GraphiQL keeps under this name in the browser."""
    value: str | None = page.look("name => localStorage.getItem('graphiql:' + name)", name)
    return value or ""


def run(page: Page) -> None:
    """Press play, a tenth of a second after the last change: GraphiQL reads a query that late."""
    shown = page.lines(QUERY)
    until(lambda: kept(page, "query").split("\n")[: len(shown)] == shown, "it to read the query")
    page.click(".graphiql-execute-button")


def read(page: Page, editor: str) -> Any:
    """The JSON in an editor, once all of it stands there; lines too long for it are wrapped."""

    def look() -> Any:
        try:
            return json.loads("".join(line.lstrip() for line in page.lines(editor)))
        except json.JSONDecodeError:
            return None

    return until(look, f"JSON in {editor}")


def test_it_loads_without_a_complaint_and_asks_no_other_host(
    page: Page, demo_gateway: Running
) -> None:
    assert page.look("() => document.title") == "Clients gateway"
    assert page.texts(TABS) == EXAMPLES
    assert page.lines(QUERY)[0] == "# Welcome to the Clients gateway."
    assert page.requests
    assert [url for url in page.requests if not url.startswith(f"{demo_gateway.url}/")] == []
    assert page.problems == []


def test_its_policy_lets_it_speak_to_no_other_host(page: Page) -> None:
    speak = "url => fetch(url).then(() => 'spoke', () => 'refused')"

    assert page.look(speak, "https://other.example.com/") == "refused"
    assert [problem for problem in page.problems if "connect-src 'self'" in problem]


def test_the_header_editor_holds_the_demo_key(page: Page, demo_gateway: Running) -> None:
    assert read(page, TOOLS) == {"X-API-Key": demo_key(demo_gateway)}


def test_a_button_tells_what_an_operation_would_cost_and_executes_nothing(
    page: Page, demo_gateway: Running
) -> None:
    rows = in_the_sandbox(demo_gateway, "?limit=1")["meta"]["total"]
    page.click(TABS, "CreateClient")
    until(lambda: any("createClient" in line for line in page.lines(QUERY)), "the example")

    page.click('[aria-label^="Explain price"]')

    explanation = until(
        lambda: "explain" in " ".join(page.lines(RESULT)) and read(page, RESULT), "the price"
    )
    price = explanation["extensions"]["upstream"]["explain"]
    assert (explanation["data"], price["minimum"], price["expected"]) == (None, 1, 1)
    assert [cause["path"] for cause in price["causes"]] == [["createClient"]]
    assert in_the_sandbox(demo_gateway, "?limit=1")["meta"]["total"] == rows
    assert page.problems == []


def test_a_link_leads_to_the_docs(page: Page) -> None:
    link = page.look(
        "() => (({ href, target, rel, innerText }) => ({ href, target, rel, innerText }))"
        "(document.querySelector('.graphiql-logo a'))"
    )

    assert link == {
        "href": "https://www.actuallycare.com/api",
        "target": "_blank",
        "rel": "noreferrer",
        "innerText": "Docs",
    }


def test_the_explorer_builds_a_query_by_clicks_and_running_it_shows_sandbox_data(
    page: Page, demo_gateway: Running
) -> None:
    def clicked(selector: str, line: str) -> None:
        page.click(f"{EXPLORER} {selector}")
        until(lambda: line in page.lines(QUERY), f"{line!r} in the query")

    page.click(".graphiql-tab-add")
    until(lambda: page.lines(QUERY) == [""], "an empty tab")
    clicked("[data-field-name=clients]", "  clients")
    clicked("[data-arg-name=first] > span", "  clients(first: 10)")
    page.rewrite(f"{EXPLORER} [data-arg-name=first] input", "2")
    until(lambda: "  clients(first: 2)" in page.lines(QUERY), "two rows in the query")
    clicked("[data-field-name=totalCount]", "    totalCount")
    clicked("[data-field-name=edges]", "    edges")
    clicked(".graphiql-explorer-edges [data-field-name=node]", "      node")
    clicked(".graphiql-explorer-edges [data-field-name=fullName]", "        fullName")

    assert page.lines(QUERY) == BUILT

    run(page)
    shown = read(page, RESULT)
    result = in_the_sandbox(demo_gateway, "?limit=2")

    assert len(result["clients"]) == 2
    assert shown["data"] == {
        "clients": {
            "totalCount": result["meta"]["total"],
            "edges": [
                {"node": {"fullName": f"{client['first_name']} {client['last_name']}"}}
                for client in result["clients"]
            ],
        }
    }
    assert shown["extensions"]["upstream"]["calls"] == 1
    assert page.problems == []


def test_a_mutation_changes_the_sandbox(page: Page, demo_gateway: Running) -> None:
    page.click(".graphiql-editor-tools button", "Variables")
    page.click(TABS, "CreateClient")
    until(lambda: "firstName" in "".join(page.lines(TOOLS)), "the example's variables")
    run(page)
    shown = read(page, RESULT)

    created = shown["data"]["createClient"]
    result = in_the_sandbox(demo_gateway, f"/{created['client']['id']}")
    assert created == {
        "__typename": "CreateClientSuccess",
        "client": {
            "id": result["id"],
            "fullName": "Jordan Lee",
            "clientType": "BUYER",
            "status": "ACTIVE",
            "version": 1,
        },
    }
    assert (result["first_name"], result["last_name"]) == ("Jordan", "Lee")
    assert page.problems == []


def test_what_was_requested_is_remembered_and_the_key_is_not(
    page: Page, demo_gateway: Running
) -> None:
    page.click(TABS, "ServiceSdl")
    run(page)
    until(lambda: page.lines(RESULT), "the answer")
    history = until(lambda: kept(page, "queries"), "the history")
    everything = page.look("() => JSON.stringify({ ...localStorage })")

    assert {query["operationName"] for query in json.loads(history)["queries"]} == {"ServiceSdl"}
    assert demo_key(demo_gateway) not in everything


def test_coming_back_finds_the_tabs_and_the_key_again(page: Page, demo_gateway: Running) -> None:
    page.click(TABS, "NodeById")
    until(lambda: kept(page, "variables") and kept(page, "tabState"), "it to keep the tabs")
    page.open(f"{demo_gateway.url}/graphql")
    until(lambda: "query NodeById($id: ID!) {" in page.lines(QUERY), "the tab's query")
    page.click(".graphiql-editor-tools button", "Headers")

    assert page.texts(TABS) == EXAMPLES
    assert read(page, TOOLS) == {"X-API-Key": demo_key(demo_gateway)}
    assert page.problems == []


def test_a_subscription_shows_a_change_as_it_happens(page: Page, demo_gateway: Running) -> None:
    id = in_the_sandbox(demo_gateway, "?limit=1")["clients"][0]["id"]
    update = (
        f'mutation {{ updateClient(input: {{id: "{id}", phone: "+1 661 555 0199"}})'
        " { __typename } }"
    )
    page.click(TABS, "ClientsChanged")
    until(lambda: any("clientsChanged" in line for line in page.lines(QUERY)), "the example")
    sent = len(page.requests)
    run(page)
    until(lambda: page.texts(TABS) and len(page.requests) > sent, "it to subscribe")

    httpx.post(f"{demo_gateway.url}/graphql", json={"query": update}, trust_env=False)
    until(lambda: "clientsChanged" in " ".join(page.lines(RESULT)), "the change")
    event = read(page, RESULT)["data"]["clientsChanged"]

    assert (event["kind"], event["client"]["id"]) == ("UPDATED", id)
    assert event["client"]["phone"] == "+1 661 555 0199"
    page.click(".graphiql-execute-button")
    assert page.problems == []
