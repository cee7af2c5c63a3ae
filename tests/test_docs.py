"""What the README and docs/ say is run, counted and looked up."""

import ast
import re
import tomllib
import typing
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import orjson
import pytest

from gateway.app import create_app
from gateway.cli.demo import BANNER
from gateway.cli.parser import parser
from gateway.sandbox.api import Sandbox
from gateway.sandbox.catalogue import FAULTS
from gateway.sandbox.users import DEMO
from gateway.settings import PREFIX, Settings, load_settings, secrets
from gateway.subscriptions.subscriber import End
from gateway.web.error_format import CODES
from schema.source import errors as failures
from schema.types.enums import ClientErrorCode
from tests.in_process import InProcess

ROOT = Path(__file__).parent.parent
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "SECURITY.md",
    *sorted((ROOT / "docs").glob("*.md")),
]


class Example(NamedTuple):
    """A GraphQL example, and the code of the error that the page states."""

    page: str
    query: str
    error: str | None


def examples() -> Iterator[Example]:
    for page in PAGES:
        for found in re.finditer(
            r"```graphql(?: error=(\w+))?\n(.*?)```", page.read_text(), re.DOTALL
        ):
            yield Example(page.name, found[2], found[1])


@pytest.fixture
def sandbox() -> Sandbox:
    return Sandbox(clock=lambda: 0.0)


@pytest.fixture
async def http(sandbox: Sandbox) -> AsyncIterator[httpx.AsyncClient]:
    app = create_app(
        load_settings({}, _env_file=None, webhook_secrets=("as the demo has one",)),
        demo_key=DEMO.api_key,
        wire=InProcess(sandbox),
        clock=lambda: 0.0,
    )
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        yield client


@pytest.mark.parametrize(
    "example", list(examples()), ids=lambda example: example.query.split("(")[0]
)
async def test_every_example_runs(
    example: Example, http: httpx.AsyncClient, sandbox: Sandbox
) -> None:
    row = sandbox.rows_of(DEMO)[0]
    variables: dict[str, Any] = {
        "id": row["id"],
        "version": row["version"],
        "representations": [{"__typename": "Client", "id": row["id"]}],
    }

    answer = (
        await http.post("/graphql", json={"query": example.query, "variables": variables})
    ).json()

    codes = [error["extensions"]["code"] for error in answer.get("errors", ())]
    assert codes == ([example.error] if example.error else []), answer
    data = answer["data"] or {}
    results = [each for each in data.values() if isinstance(each, dict) and "__typename" in each]
    assert all(
        result["__typename"].endswith("Success") or result["__typename"] == "Client"
        for result in results
    )


def test_the_settings_table_is_the_settings() -> None:
    documented = re.findall(
        r"^\| `(GATEWAY_\w+)` \| (.*?) ?\| (.*) \|$", PAGES[0].read_text(), re.MULTILINE
    )

    def shown(default: Any) -> str:
        if default in {None, ()}:
            return ""
        return f"`{str(default).lower() if isinstance(default, bool) else default}`"

    assert documented == [
        (f"{PREFIX}{name.upper()}", shown(field.default), field.description)
        for name, field in Settings.model_fields.items()
    ]


def test_every_limit_is_documented_with_security() -> None:
    page = (ROOT / "docs/security.md").read_text()
    documented = re.findall(
        r"^\| `(GATEWAY_(?:MAX|TIMEOUT)_\w+)` \| `(\d+)` \|", page, re.MULTILINE
    )

    assert documented == [
        (f"{PREFIX}{name.upper()}", str(field.default))
        for name, field in Settings.model_fields.items()
        if name.startswith(("max_", "timeout_"))
    ]


def test_every_error_code_is_documented_and_no_other() -> None:
    documented = re.findall(
        r"^\| `([A-Z_]+)` \|", (ROOT / "docs/errors.md").read_text(), re.MULTILINE
    )
    ours = {
        kind.code
        for kind in vars(failures).values()
        if isinstance(kind, type)
        and issubclass(kind, failures.ClientError)
        and "code" in vars(kind)
    }
    unavailable = set(typing.get_args(failures.UnavailableCode))
    sources = "".join(path.read_text() for path in (ROOT / "schema").rglob("*.py"))
    sources += "".join(path.read_text() for path in (ROOT / "gateway/web").rglob("*.py"))
    spoken = set(
        re.findall(
            r'(?:"code": |(?:error_response|request_error|_refusal)\(\s*)"([A-Z_]+)"', sources
        )
    )

    assert sorted(documented) == sorted(CODES)
    ends = {end.code for end in End}
    assert sorted(ours | unavailable | spoken | ends) == sorted(CODES)
    assert {str(member.value) for member in ClientErrorCode} <= set(documented)


def test_every_command_is_documented_and_no_other() -> None:
    usage = parser().format_help()
    commands = set(re.findall(r"^    ([\w-]+)(?: {2,}|$)", usage, re.MULTILINE))
    page = (ROOT / "docs/operating.md").read_text()

    assert set(re.findall(r"^\| `clients-gateway ([\w-]+)`", page, re.MULTILINE)) == commands
    assert commands


def test_every_fault_of_the_sandbox_is_in_the_table_and_no_other() -> None:
    page = (ROOT / "docs/operating.md").read_text()
    section = page[page.index("## Faults of the sandbox") :]

    assert re.findall(r"^\| `([\w-]+)` \| (.*) \|$", section, re.MULTILINE) == [
        (name, line) for name, (line, _) in FAULTS.items()
    ]


def test_the_line_to_paste_is_the_one_the_demo_prints() -> None:
    readme = PAGES[0].read_text()
    begin = readme.index("curl -s")
    pasted = readme[begin : readme.index("\n```", begin)]
    others = dict.fromkeys(("table", "status", "webhooks", "sandbox", "key", "metrics"), "")
    printed = BANNER.format(url="http://127.0.0.1:8000/graphql", **others)

    assert [line.strip() for line in pasted.splitlines()] == [
        line.strip() for line in printed.splitlines() if "curl" in line or "query" in line
    ]


async def test_the_receipt_in_the_readme_is_that_of_the_line_to_paste(
    http: httpx.AsyncClient,
) -> None:
    shown = re.search(r"```json\n(.*?)```", PAGES[0].read_text(), re.DOTALL)
    query = re.search(r"-d '(.*)'", PAGES[0].read_text())
    assert shown is not None
    assert query is not None

    answer = await http.post(
        "/graphql", content=query[1], headers={"Content-Type": "application/json"}
    )

    assert orjson.loads(shown[1])["extensions"] == answer.json()["extensions"]


def test_every_file_of_a_secret_is_named_where_files_of_secrets_are_described() -> None:
    page = (ROOT / "docs/operating.md").read_text()
    (described,) = [line for line in page.splitlines() if line.startswith("**Secrets.**")]
    files = {f"{PREFIX}{name.upper()}_FILE" for name in secrets()}

    assert set(re.findall(r"`(GATEWAY_\w+)`", described)) == files


def test_links_between_pages_lead_somewhere() -> None:
    missing = [
        f"{page.name}: {target}"
        for page in PAGES
        for target in re.findall(r"\]\((?!http)([^)#]+)", page.read_text())
        if not (page.parent / target).exists()
    ]

    assert missing == []


def top_level_names(path: Path) -> Iterator[str]:
    """Yield the classes, functions and aliases that a module defines."""
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name
        elif isinstance(node, ast.Assign):
            yield from (target.id for target in node.targets if isinstance(target, ast.Name))


def words(name: str) -> set[str]:
    """Return the words of a class name or a term, in lower case and without a plural's s."""
    found = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)
    return {word.lower().removesuffix("s") for word in found}


def layers() -> dict[str, list[str]]:
    """Return the layers of each package, as pyproject.toml has them; future ones left out."""
    found = {}
    for contract in tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"][
        "contracts"
    ]:
        for package in contract.get("containers", ()):
            present = [re.sub(r" \| \(\w+\)|\(\w+\)", "", layer) for layer in contract["layers"]]
            found[package.replace(".", "/")] = [layer for layer in present if layer]
    return found


def test_each_term_of_the_glossary_is_a_name_in_the_code() -> None:
    page = (ROOT / "docs/glossary.md").read_text()
    terms = re.findall(r"^\| \*\*([\w ]+)\*\* \| `(\w+)` \| [^|]+\. \|$", page, re.MULTILINE)
    names = {
        name
        for package in ("gateway", "schema")
        for path in (ROOT / package).rglob("*.py")
        if "node_modules" not in path.parts
        for name in top_level_names(path)
    }

    assert [name for _, name in terms if name not in names] == []
    assert [term for term, name in terms if not words(term) <= words(name)] == []
    assert len(terms) == page.count("| **")


def test_the_picture_of_the_layers_is_the_contracts() -> None:
    page = (ROOT / "docs/architecture.md").read_text()
    picture = re.search(r"```text\n(.*?)```", page, re.DOTALL)
    assert picture is not None
    drawn: dict[str, list[str]] = {}
    package = ""
    for line in picture[1].splitlines():
        package = line[:9].strip() or package
        drawn.setdefault(package, []).append(line[9:].strip())
    contracts = layers()

    assert drawn == {root: contracts[root] for root in ("gateway", "schema")}


def test_every_package_has_its_line_in_the_rooms_and_no_other() -> None:
    page = (ROOT / "docs/architecture.md").read_text()
    packages = {
        str(path.parent.relative_to(ROOT))
        for package in ("gateway", "schema")
        for path in (ROOT / package).rglob("__init__.py")
        if "node_modules" not in path.parts
    }

    assert set(re.findall(r"^\| `([\w/]+)` \|", page, re.MULTILINE)) == packages


def test_every_step_of_the_walks_names_what_its_file_defines() -> None:
    page = (ROOT / "docs/architecture.md").read_text()
    steps = re.findall(r"`((?:gateway|schema)/[\w/]+\.py)` `(\w+)`", page)

    assert [
        f"{file} does not define {name}"
        for file, name in steps
        if not (ROOT / file).exists() or name not in set(top_level_names(ROOT / file))
    ] == []
    assert steps
