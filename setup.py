"""What pyproject.toml cannot say: a wheel without GraphiQL is not built."""

from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

GRAPHIQL = Path(__file__).parent / "gateway" / "web" / "graphiql" / "dist" / "index.html"


class BuildWithGraphiql(build_py):
    """Refuses a wheel whose page has not been bundled; an editable install may wait for it."""

    def run(self) -> None:  # noqa: D102 - the parent says it
        if not self.editable_mode and not GRAPHIQL.exists():
            raise SystemExit("GraphiQL is not built, and a wheel carries it: `make graphiql` first")
        super().run()


setup(cmdclass={"build_py": BuildWithGraphiql})
