"""An installed gateway needs no Node: wheel and sdist carry the page, and no npm sources."""

import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import httpx
import pytest

from tests.e2e.conftest import running
from tests.packaging.recipes import ROOT

DIST = ROOT / "gateway" / "web" / "graphiql" / "dist"


def build(source: Path, into: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 - builds our own source
        [
            *(sys.executable, "-m", "pip", "wheel", "--quiet"),
            *("--no-deps", "--no-build-isolation", "--wheel-dir", into, source),
        ],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a clone holds after the build, so that building the wheel leaves this one alone."""
    copy = tmp_path_factory.mktemp("source")
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE"):
        (copy / name).write_bytes((ROOT / name).read_bytes())
    for package in ("schema", "gateway"):
        for path in (ROOT / package).rglob("*"):
            if path.is_file() and not {"node_modules", "__pycache__"} & set(path.parts):
                place = copy / path.relative_to(ROOT)
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_bytes(path.read_bytes())
    module = copy / "gateway/web/graphiql/node_modules/someone/index.js"
    module.parent.mkdir(parents=True)
    module.write_text("// fetched")
    return copy


@pytest.fixture(scope="module")
def sdist(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not (DIST / "index.html").exists():
        pytest.skip("GraphiQL is not built: `make graphiql`")
    folder = tmp_path_factory.mktemp("sdist")
    hook = f"from setuptools.build_meta import build_sdist; build_sdist({str(folder)!r})"
    subprocess.run([sys.executable, "-c", hook], cwd=source, capture_output=True, check=True)  # noqa: S603
    return next(folder.glob("clients_gateway-*.tar.gz"))


@pytest.fixture(scope="module")
def contents(source: Path, tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    if not (DIST / "index.html").exists():
        pytest.skip("GraphiQL is not built: `make graphiql`")
    wheels = tmp_path_factory.mktemp("wheels")
    done = build(source, wheels)
    assert done.returncode == 0, done.stderr
    with zipfile.ZipFile(next(wheels.glob("clients_gateway-*-py3-none-any.whl"))) as wheel:
        return set(wheel.namelist())


def test_the_wheel_carries_every_file_of_the_page(contents: set[str]) -> None:
    built = {
        f"gateway/web/graphiql/dist/{path.relative_to(DIST).as_posix()}"
        for path in DIST.rglob("*")
        if path.is_file() and path.name != ".stamp"
    }

    assert {name for name in contents if name.startswith("gateway/web/graphiql/")} == built


@pytest.mark.parametrize("folder", ["gateway/cli/client_table", "gateway/telemetry/status/page"])
def test_the_wheel_carries_every_file_of_the_pages_without_a_build(
    contents: set[str], folder: str
) -> None:
    files = {f"{folder}/{path.name}" for path in (ROOT / folder).iterdir()}

    assert files
    assert {name for name in contents if name.startswith(f"{folder}/")} == files


def test_the_wheel_carries_the_schema_and_every_module(contents: set[str]) -> None:
    modules = {
        path.relative_to(ROOT).as_posix()
        for package in ("schema", "gateway")
        for path in (ROOT / package).rglob("*.py")
        if "node_modules" not in path.parts
    }

    assert {"schema/schema.graphql", "schema/py.typed", "gateway/py.typed"} < contents
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in contents)
    assert {name for name in contents if name.endswith(".py")} == modules


def test_a_wheel_without_the_page_is_not_built(source: Path, tmp_path: Path) -> None:
    bare = tmp_path / "source"
    for path in source.rglob("*"):
        if path.is_file() and "graphiql" not in path.parts:
            place = bare / path.relative_to(source)
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(path.read_bytes())

    done = build(bare, tmp_path / "wheels")

    assert done.returncode != 0
    assert "GraphiQL is not built" in done.stderr
    assert not list(tmp_path.glob("wheels/*.whl"))


def test_what_pip_installs_from_the_sdist_serves_graphiql(sdist: Path, tmp_path: Path) -> None:
    with tarfile.open(sdist) as files:
        assert not [name for name in files.getnames() if "node_modules" in name]
    subprocess.run(  # noqa: S603 - installs our own source, beside the packages that it needs
        [
            *(sys.executable, "-m", "pip", "install", "--quiet", "--no-deps"),
            *("--no-build-isolation", "--target", tmp_path / "site", sdist),
        ],
        capture_output=True,
        check=True,
    )

    with running(
        *("-P", "-m", "gateway", "run", "--port", "0"),
        ready="Ctrl-C",
        folder=tmp_path,
        command=sys.executable,
        PYTHONPATH=str(tmp_path / "site"),
    ) as demo:
        html = {"Accept": "text/html"}
        page = httpx.get(f"{demo.url}/graphql", headers=html, trust_env=False)
        script = page.text.partition('<script type="module" crossorigin src="')[2].partition('"')[0]
        bundle = httpx.get(f"{demo.url}{script}", trust_env=False)
        for path in ("/status", "/status/status.js", "/status/status.css"):
            httpx.get(f"{demo.url}{path}", trust_env=False).raise_for_status()
    where = subprocess.run(
        [sys.executable, "-P", "-c", "import gateway; print(gateway.__file__)"],
        env={"PYTHONPATH": str(tmp_path / "site")},
        capture_output=True,
        text=True,
        check=True,
    )

    assert "<title>Clients gateway</title>" in page.text
    assert (bundle.status_code, bundle.headers["content-type"][:15]) == (200, "text/javascript")
    assert where.stdout.startswith(str(tmp_path / "site"))
