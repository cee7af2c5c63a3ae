"""GraphiQL over HTTP: its page, its files, and the headers that keep it to this host."""

from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.types import ASGIApp

from gateway.web.graphiql_page import NOT_BUILT, POLICY, graphiql_app

pytestmark = pytest.mark.anyio

LINKS = {"Docs": "https://docs.example.com"}


@pytest.fixture
def dist(tmp_path: Path) -> Path:
    """What a build leaves, and beside it something that must not be served."""
    assets = tmp_path / "dist" / "assets"
    assets.mkdir(parents=True)
    (tmp_path / "dist" / "index.html").write_text("<title>Clients gateway</title>")
    (assets / "index-1a2b3c4d.js").write_text("play()")
    (tmp_path / "secret").write_text("secret")
    return tmp_path / "dist"


def mounted(dist: Path, **headers: str) -> Starlette:
    """The pages as the application serves what is not the page itself."""
    return Starlette(routes=[Mount("/graphiql", graphiql_app(dist, headers=headers, links=LINKS))])


async def got(app: ASGIApp, path: str, **headers: str) -> httpx.Response:
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://gateway"
    ) as client:
        return await client.get(path, headers=headers)


def guard(response: httpx.Response) -> dict[str, str | None]:
    names = ("content-security-policy", "x-content-type-options", "referrer-policy")
    return {name: response.headers.get(name) for name in names}


GUARDED = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
}


async def test_the_page_is_revalidated_each_time(dist: Path) -> None:
    page = await got(graphiql_app(dist, headers={}, links=LINKS), "/graphql")

    assert (page.status_code, page.text) == (200, "<title>Clients gateway</title>")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert page.headers["cache-control"] == "no-cache"
    assert page.headers["vary"] == "Accept"
    assert guard(page) == GUARDED


async def test_its_files_may_be_kept_for_ever(dist: Path) -> None:
    app = mounted(dist)
    file = await got(app, "/graphiql/assets/index-1a2b3c4d.js")
    again = await got(
        app, "/graphiql/assets/index-1a2b3c4d.js", **{"If-None-Match": file.headers["etag"]}
    )

    assert (file.status_code, file.text) == (200, "play()")
    assert (again.status_code, again.text) == (304, "")
    for response in (file, again):
        assert response.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert guard(response) == GUARDED


async def test_it_gets_the_first_headers_and_the_address_of_the_docs(dist: Path) -> None:
    config = await got(mounted(dist, **{"X-API-Key": "demo"}), "/graphiql/config.json")

    assert config.json() == {"headers": {"X-API-Key": "demo"}, "links": LINKS}
    assert config.headers["cache-control"] == "no-store"


async def test_outside_a_demo_the_page_begins_without_headers(dist: Path) -> None:
    config = await got(mounted(dist), "/graphiql/config.json")

    assert config.json() == {"headers": {}, "links": LINKS}


@pytest.mark.parametrize(
    "path",
    [
        "/graphiql/assets/none.js",
        "/graphiql/assets/",
        "/graphiql/index.html",
        "/graphiql/assets/%2e%2e/index.html",
        "/graphiql/assets/..%2f..%2fsecret",
        "/graphiql/assets/%2e%2e%2f%2e%2e%2fsecret",
        "/graphiql/assets/%2fetc%2fpasswd",
        "/graphiql/assets/%00",
    ],
)
async def test_there_is_nothing_else_to_get(dist: Path, path: str) -> None:
    response = await got(mounted(dist), path)

    assert response.status_code == 404
    assert response.json()["errors"][0]["extensions"]["code"] == "NOT_FOUND"


async def test_a_page_that_is_not_built_says_what_to_run(tmp_path: Path) -> None:
    app = graphiql_app(tmp_path / "dist", headers={}, links=LINKS)
    page = await got(app, "/graphql")
    file = await got(app, "/assets/index-1a2b3c4d.js")

    assert (page.status_code, page.text) == (503, NOT_BUILT)
    assert "`make graphiql`" in page.text
    assert page.headers["content-type"] == "text/plain; charset=utf-8"
    assert file.status_code == 404


async def test_a_page_built_meanwhile_is_served(tmp_path: Path) -> None:
    app = graphiql_app(tmp_path, headers={}, links=LINKS)
    before = await got(app, "/graphql")
    (tmp_path / "index.html").write_text("<title>Clients gateway</title>")
    after = await got(app, "/graphql")

    assert (before.status_code, after.status_code) == (503, 200)


def test_the_policy_lets_nothing_in_from_other_hosts() -> None:
    sources = {directive.split()[0]: directive.split()[1:] for directive in POLICY.split(";")}

    assert sources == {
        "default-src": ["'self'"],
        "script-src": ["'self'"],
        "style-src": ["'self'", "'unsafe-inline'"],
        "worker-src": ["'self'", "blob:"],
        "font-src": ["'self'", "data:"],
        "img-src": ["'self'", "data:"],
        "connect-src": ["'self'"],
        "form-action": ["'none'"],
        "frame-ancestors": ["'none'"],
        "base-uri": ["'none'"],
    }
