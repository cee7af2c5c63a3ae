"""What a person does in the table of clients at /demo, and what it costs."""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.sandbox.users import DEMO
from tests.browser.chromium import Chromium, until
from tests.browser.page import Page, new_page
from tests.browser.test_graphiql import demo_key, in_the_sandbox
from tests.browser.test_status import AXE, VIOLATIONS
from tests.e2e.conftest import Running

CLIENTS = DEMO.clients()
NAMES = [f"{each['first_name']} {each['last_name']}" for each in CLIENTS]
NAME, PHONE = "#rows th", "#rows td:nth-child(3) span"
EDIT = "#rows button"


@pytest.fixture
def table(browser: Chromium, demo_gateway: Running) -> Iterator[Page]:
    """The page as it opens."""
    with new_page(browser) as tab:
        tab.open(f"{demo_gateway.url}/demo")
        until(lambda: summary(tab).endswith(f"of {len(CLIENTS)} clients"), "the first page")
        yield tab


def summary(page: Page) -> str:
    return " ".join(page.texts("#summary"))


def shows(page: Page, expected: str) -> None:
    until(lambda: summary(page) == expected, f"{expected}, not {summary(page)}")


def calls(demo: Running) -> int:
    """The calls that the API has seen."""
    found = re.search(r"Sandbox +(\S+)/v1/clients", demo.output)
    assert found, demo.output
    return len(httpx.get(f"{found[1]}/_sandbox/calls", trust_env=False).json())


def spent(page: Page) -> int:
    """The price that the page shows."""
    [shown] = page.texts("#calls")
    return int(shown)


def counts(page: Page, kind: str) -> dict[str, int]:
    """What its chips count."""
    return {
        name.upper(): int(count)
        for name, count in (text.split() for text in page.texts(f"#{kind} button"))
    }


def write_elsewhere(demo: Running, id: str, **fields: Any) -> None:
    """Change a client as another program does, at the API itself."""
    found = re.search(r"Sandbox +(\S+)", demo.output)
    assert found, demo.output
    address, headers = f"{found[1]}/{id}", {"X-API-Key": demo_key(demo)}
    httpx.put(address, json=fields, headers=headers, trust_env=False).raise_for_status()


def test_typing_sorting_filtering_and_paging_show_what_is_there_for_one_call(
    table: Page, demo_gateway: Running
) -> None:
    assert table.texts(NAME) == sorted(NAMES)[:10]
    assert counts(table, "status") == Counter(each["status"].upper() for each in CLIENTS)
    before = calls(demo_gateway)

    table.click("#next")
    shows(table, f"11 to 20 of {len(CLIENTS)} clients")
    assert table.texts(NAME) == sorted(NAMES)[10:20]
    table.click("#previous")
    shows(table, f"1 to 10 of {len(CLIENTS)} clients")

    table.click("[data-field=BUDGET_MAX] button")
    most = [each["budget_max"] for each in CLIENTS if each["budget_max"] is not None]
    until(lambda: table.texts("[aria-sort=ascending]") == ["Budget up to"], "the order")
    assert budgets(table) == sorted(most)[:10]
    table.click("[data-field=BUDGET_MAX] button")
    until(lambda: table.texts("[aria-sort=descending]") == ["Budget up to"], "the other order")
    assert budgets(table) == sorted(most, reverse=True)[:10]

    table.click("#status-ACTIVE")
    active = [each for each in CLIENTS if each["status"] == "active"]
    until(lambda: f"of {len(active)} clients" in summary(table), "the active ones")
    assert counts(table, "clientType") == Counter(e["client_type"].upper() for e in active)
    assert counts(table, "status")["CLOSED"] > 0, "what another chip would show"

    table.rewrite("#search", "lee")
    lees = [each for each in active if each["last_name"] == "Lee" or "lee" in each["email"]]
    until(lambda: f"of {len(lees)} clients" in summary(table), "the Lees")
    assert all("Lee" in name for name in table.texts(NAME))
    table.rewrite("#search", "no client of this name")
    shows(table, "No client matches")

    assert calls(demo_gateway) == before
    assert table.problems == []


def budgets(page: Page) -> list[float]:
    return [float(re.sub(r"[$,]", "", text)) for text in page.texts("#rows td:last-child")]


def test_the_price_shown_is_what_the_api_counts(browser: Chromium, demo_gateway: Running) -> None:
    before = calls(demo_gateway)
    with new_page(browser) as tab:
        tab.open(f"{demo_gateway.url}/demo")
        until(lambda: tab.texts(NAME), "the rows")
        tab.rewrite("#search", "mich")
        until(lambda: all("Mich" in name for name in tab.texts(NAME)), "the Michaels")
        save(tab, tab.texts(NAME)[0], "(661) 555-0199")
        until(lambda: "(661) 555-0199" in tab.texts(PHONE), "the new number")

        assert spent(tab) == calls(demo_gateway) - before >= 1
        [rest] = tab.texts("#left")
        assert rest.endswith("of 500 left")


def edit(page: Page, name: str) -> None:
    page.click(f'#rows [aria-label="Edit the phone number of {name}"]')
    until(lambda: page.texts("dialog[open] h2") == [f"Phone of {name}"], "the editor")


def save(page: Page, name: str, phone: str) -> None:
    edit(page, name)
    page.rewrite("#phone", phone)
    page.click("#edit [type=submit]")


@pytest.mark.parametrize("choice", ["mine", "theirs"])
def test_another_writers_change_of_the_phone_number_is_shown_and_resolved(
    table: Page, demo_gateway: Running, choice: str
) -> None:
    name = table.texts(NAME)[0]
    id = table.look(f"() => document.querySelector('{EDIT}').dataset.id")
    edit(table, name)
    write_elsewhere(demo_gateway, id, phone=f"(661) 555-{choice}")
    table.rewrite("#phone", f"(661) 555-0100 {choice}")
    table.click("#edit [type=submit]")

    until(lambda: table.texts("#resolve:not([hidden])"), "the conflict")
    [shown] = table.texts("#editor-problem")
    assert f"Theirs: (661) 555-{choice}. Yours: (661) 555-0100 {choice}." in shown
    table.click(f"#{choice}")

    expected = f"(661) 555-0100 {choice}" if choice == "mine" else f"(661) 555-{choice}"
    until(lambda: table.texts(PHONE)[0] == expected, "the number that was chosen")
    assert in_the_sandbox(demo_gateway, f"/{id}")["phone"] == expected
    assert table.problems == []


def test_the_page_lets_a_colleague_change_the_number_first(table: Page) -> None:
    edit(table, table.texts(NAME)[1])
    table.click("#colleague")
    until(lambda: "A colleague has just saved" in " ".join(table.texts("#editor-problem")), "it")
    table.click("#edit [type=submit]")

    until(lambda: table.texts("#resolve:not([hidden])"), "the conflict")


def focused(page: Page) -> str:
    """The label of what has the focus."""
    label = "e => e.getAttribute('aria-label') ?? e.labels?.[0]?.innerText ?? e.innerText"
    found: str = page.look(f"() => ({label})(document.activeElement)")
    return found.strip()


def test_it_is_used_by_the_keyboard_alone(table: Page) -> None:
    def tab_to(name: str) -> None:
        for _ in range(40):
            table.press("Tab")
            if focused(table).startswith(name):
                return
        raise AssertionError(f"{name} is not reached")

    name = table.texts(NAME)[2]
    tab_to("Search by name")
    table.type(name)
    until(lambda: set(table.texts(NAME)) == {name}, "the client")
    tab_to("Edit the phone number")
    table.press("Enter")
    until(lambda: focused(table) == "Phone number", "the editor")
    table.press("Escape")
    until(lambda: focused(table).startswith("Edit the phone number"), "the focus back")
    table.press("Enter")
    until(lambda: focused(table) == "Phone number", "the editor")
    table.look("() => document.activeElement.select()")
    table.type("(661) 555-0177")
    table.press("Enter")

    until(lambda: "(661) 555-0177" in table.texts(PHONE), "the new number")
    until(lambda: focused(table).startswith("Edit the phone number"), "the focus back")


def test_axe_finds_no_violation_in_light_and_dark_and_in_the_editor(table: Page) -> None:
    table.look(f"() => {{ {AXE.read_text()} }}")
    for scheme in ("light", "dark"):
        table.prefer(scheme)
        assert table.look(VIOLATIONS) == []
    edit(table, table.texts(NAME)[0])
    table.click("#colleague")
    until(lambda: table.texts("#editor-problem")[0], "a message")
    for scheme in ("light", "dark"):
        table.prefer(scheme)
        assert table.look(VIOLATIONS) == []


def test_the_page_asks_no_other_host_and_fits_a_phone(table: Page, demo_gateway: Running) -> None:
    table.resize(360, 740)

    assert table.look("() => document.documentElement.scrollWidth") <= 360
    assert table.requests
    assert [url for url in table.requests if not url.startswith(f"{demo_gateway.url}/")] == []


def test_every_file_of_the_page_is_restricted_to_this_host(
    demo_gateway: Running,
) -> None:
    folder = Path(__file__).parents[2] / "gateway" / "cli" / "client_table"
    served = {"index.html": "", "table.css": "/table.css", "table.js": "/table.js"}

    assert {path.name for path in folder.iterdir()} == served.keys()
    for path in served.values():
        response = httpx.get(f"{demo_gateway.url}/demo{path}", trust_env=False)
        assert response.status_code == 200
        assert "default-src 'none'" in response.headers["content-security-policy"]
