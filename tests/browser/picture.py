"""Take docs/graphiql.png again: `.venv/bin/python -m tests.browser.picture`."""

from pathlib import Path
from tempfile import TemporaryDirectory

from tests.browser.chromium import chromium, until
from tests.browser.page import new_page
from tests.e2e.conftest import started
from tests.skips import CHROMIUM

PICTURE = Path(__file__).parents[2] / "docs" / "graphiql.png"
QUERY = ".graphiql-query-editor"
EXPLORER = ".graphiql-explorer-root"


def take(url: str, folder: Path) -> None:
    """The explorer, a query it wrote, and the answer with its receipt."""
    with chromium(CHROMIUM.path(), folder) as browser, new_page(browser) as page:
        page.open(url)
        until(lambda: page.texts(f"{EXPLORER} [data-field-name]"), "the schema")
        until(lambda: page.lines(QUERY), "the first example")
        page.drag(".graphiql-horizontal-drag-bar", right=-45)
        page.drag(".graphiql-editors > .graphiql-editor-tools", down=80)
        for field in ("id", "version"):
            page.click(f"{EXPLORER} .graphiql-explorer-edges [data-field-name={field}]")
            until(lambda: field not in " ".join(page.lines(QUERY)).split(), f"no {field}")  # noqa: B023
        page.rewrite(f"{EXPLORER} [data-arg-name=first] input", "2")
        until(lambda: "first: 2" in "".join(page.lines(QUERY)), "two rows")
        until(lambda: "first: 2" in page.look("() => localStorage['graphiql:query']"), "it read")
        page.click(".graphiql-execute-button")
        until(lambda: page.lines(".result-window"), "the answer")
        page.look("explorer => document.querySelector(explorer).scrollIntoView()", EXPLORER)
        page.look("() => new Promise(requestAnimationFrame)")
        page.picture(PICTURE)


if __name__ == "__main__":
    with TemporaryDirectory(ignore_cleanup_errors=True) as place:
        folders = [Path(place) / name for name in ("demo", "chromium")]
        for each in folders:
            each.mkdir()
        with started("run", folder=folders[0]) as demo:
            take(f"{demo.url}/graphql", folders[1])
