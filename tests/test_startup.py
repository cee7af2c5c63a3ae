"""Starting is quick because what is not needed is not imported."""

import subprocess
import sys

HEAVY = (
    "aiohttp",
    "fastapi",
    "gateway.cli.doctor",
    "gateway.ratelimit.shared",
    "gateway.sandbox",
    "libcst",
    "matplotlib",
    "numpy",
    "opentelemetry.sdk",
    "phonenumbers",
    "pytest",
    "redis",
    "strawberry.cli",
    "typer",
)


def imported(statement: str) -> set[str]:
    """What a fresh interpreter has imported after a statement."""
    output = subprocess.run(  # noqa: S603 - our own interpreter
        [sys.executable, "-c", f"import sys; {statement}; print(*sys.modules)"],
        capture_output=True,
        check=True,
        text=True,
        timeout=60,
    )
    return set(output.stdout.split())


def test_serving_imports_nothing_that_it_does_not_need() -> None:
    modules = imported("import gateway.app, gateway.server")

    assert {"gateway.app", "strawberry", "starlette", "httptools"} <= modules
    assert sorted(modules & set(HEAVY)) == []


def test_the_command_line_imports_no_web_and_no_graph_before_it_knows_the_command() -> None:
    modules = imported("import gateway.cli.main")

    assert sorted(modules & {"fastapi", "gateway.app", "schema", "strawberry", "uvicorn"}) == []
