"""CI proves what everybody can run: it adds system programs and calls make, nothing else."""

import os
import re
import stat
import subprocess
import sys

from tests.packaging.recipes import ROOT

CI = ROOT / ".ci" / "run"
PREPARING = ("cd ", "export ", "set -euo pipefail", "apt-get ", "programs", "}", "wait $!")


def commands() -> list[str]:
    text = CI.read_text().replace("\\\n", "")
    lines = [line.strip() for line in text.splitlines()]
    return [line for line in lines if line and not line.startswith("#")]


def test_ci_installs_programs_and_calls_make_with_skips_forbidden() -> None:
    called = [command for command in commands() if not command.startswith(PREPARING)]

    assert called == [
        "make --jobs=4 --output-sync ready-newest graphiql check-deploy scan",
        "make --jobs=3 --output-sync test-newest check ready",
        "make test",
    ]
    assert commands().index("export GATEWAY_TEST_NO_SKIPS=1") < commands().index(called[1])


def test_ci_stops_at_the_first_failure_and_at_that_of_its_programs() -> None:
    preparing = [each for each in commands() if each.startswith(("set ", "programs", "wait"))]

    assert preparing == ["set -euo pipefail", "programs() {", "programs &", "wait $!"]
    assert commands().index("wait $!") < commands().index("export GATEWAY_TEST_NO_SKIPS=1")


def test_ci_ends_with_the_tests_whose_closing_line_is_read() -> None:
    assert commands()[-1].endswith("make test")


def test_ci_installs_the_programs_that_tests_would_be_skipped_for() -> None:
    install = next(command for command in commands() if " install " in command)

    assert install.partition("--no-install-recommends")[2].split() == [
        "buildah",
        "chromium",
        "default-jdk-headless",
        "faketime",
        "haproxy",
        "libokhttp-java",
        "mmdebstrap",
        "nginx-light",
        "prometheus",
        "redis-server",
    ]


def test_ci_can_be_run() -> None:
    assert os.stat(CI).st_mode & stat.S_IXUSR  # noqa: PTH116 - the mode is what is tested


def make(*arguments: str) -> str:
    """What make would run."""
    return subprocess.run(  # noqa: S603 - what CI calls
        ["make", "--dry-run", *arguments],  # noqa: S607
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout


def test_a_newer_python_is_tested_in_an_environment_of_its_own() -> None:
    output = make("test-newest", f"EVERY_PYTHON={sys.executable}", "PYTHON=none")

    assert f"VENV=.venv-newest PYTHON={sys.executable} test-parts" in output
    assert re.search(r"\.venv-newest/bin/python -m pytest .*tests/cache", output)


def test_with_one_python_there_is_nothing_to_test_twice() -> None:
    output = make("test-newest", f"EVERY_PYTHON={sys.executable}", f"PYTHON={sys.executable}")

    assert "pytest" not in output
    assert "no newer Python" in output


def test_every_proof_that_the_suite_takes_a_sample_of_is_made_at_full_size() -> None:
    size = re.compile(r'(?:int|float)\(os\.environ\.get\("([A-Z_]+)", "(\d+)"\)\)')
    sampled = {
        name: (file.relative_to(ROOT), int(few))
        for file in (ROOT / "tests").glob("*/*.py")
        for name, few in size.findall(file.read_text())
        if not name.endswith("_SEED")
    }

    [recipe] = [line for line in make("prove").splitlines() if "pytest" in line]
    sizes, _, proofs = recipe.partition(" pytest ")

    assert dict(re.findall(r"\b([A-Z_]+)=(\d+)\b", sizes)).keys() == sampled.keys()
    for name, (file, few) in sampled.items():
        assert int(re.findall(rf"\b{name}=(\d+)\b", sizes)[0]) > few
        assert any(file.is_relative_to(proof) for proof in proofs.split())


def test_the_sbom_is_of_the_locked_packages_that_run() -> None:
    recipe = make("sbom")

    assert "--require-hashes -r requirements/run.txt" in recipe
    assert "cyclonedx-py environment --pyproject pyproject.toml" in recipe
    assert "npm sbom --sbom-format cyclonedx --package-lock-only --omit dev" in recipe
