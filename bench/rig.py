"""Where the measuring happens: a folder with nginx and wrk, unpacked, never installed."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path

HERE = Path(__file__).parent
PACKAGES = ("nginx", "wrk", "libluajit-5.1-2", "libluajit-5.1-common", "libluajit2-5.1-2")
"""What Debian calls the load generator, the stand-in's server and what wrk links to."""


@dataclass(frozen=True, slots=True)
class Rig:
    """Paths and ports of one rig."""

    root: Path = HERE / ".rig"
    api_port: int = 9000
    files: str = "data"

    @property
    def api(self) -> str:
        """The stand-in's address."""
        return f"http://127.0.0.1:{self.api_port}"

    @property
    def own(self) -> Rig:
        """The rig of workload R: its stand-in has the clients of one caller, and takes writes."""
        return replace(self, api_port=self.api_port + 1, files="data60")

    @property
    def data(self) -> Path:
        """The stand-in's files."""
        return self.root / self.files

    @property
    def logs(self) -> Path:
        """The output of the contenders."""
        return self.root / "logs"

    @property
    def answers(self) -> Path:
        """What our side answered, for the bare servers to repeat."""
        return self.root / "answers"

    @property
    def nginx(self) -> Path:
        """The stand-in's server."""
        return self._tool("sbin", "nginx")

    @property
    def wrk(self) -> Path:
        """The load generator."""
        return self._tool("bin", "wrk")

    @property
    def environment(self) -> dict[str, str]:
        """The environment in which unpacked programs find their libraries."""
        libraries = self.root / "debian" / "usr" / "lib" / f"{os.uname().machine}-linux-gnu"
        return {**os.environ, "LD_LIBRARY_PATH": str(libraries)}

    def _tool(self, folder: str, name: str) -> Path:
        installed = shutil.which(name)
        return Path(installed) if installed else self.root / "debian" / "usr" / folder / name

    def ready(self) -> None:
        """Fetch what is missing. Raises `CalledProcessError` where Debian's archive is not."""
        for folder in (self.root, self.logs, self.answers):
            folder.mkdir(parents=True, exist_ok=True)
        if self.nginx.exists() and self.wrk.exists():
            return
        unpack(self.root / "debian", PACKAGES)


def unpack(into: Path, packages: tuple[str, ...], *options: str) -> None:
    """Debian packages, laid out under a folder instead of installed."""
    fetched = into / "fetched"
    fetched.mkdir(parents=True, exist_ok=True)
    subprocess.run(  # noqa: S603
        ["apt-get", *options, "-qq", "download", *packages],  # noqa: S607
        cwd=fetched,
        check=True,
        stderr=subprocess.DEVNULL,
    )
    for package in fetched.glob("*.deb"):
        subprocess.run(["dpkg", "-x", package, into], check=True)  # noqa: S603, S607
