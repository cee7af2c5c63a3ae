"""The image as `make image` builds it, on bases made of Debian's packages."""

import os
import shlex
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import Running, running
from tests.image.buildah import Buildah, machine, make_node, make_python, run
from tests.packaging.recipes import stages
from tests.skips import BUILDAH, MMDEBSTRAP

IMAGE = "clients-gateway"
ENTER = """
mount --bind "$root" "$root"
mount -o remount,bind,ro "$root"
mount --rbind /dev "$root/dev"
mount -t tmpfs -o "$owner" volume "$root$volume"
exec setpriv --no-new-privs chroot --userspec="$user" "$root" env -i "$@"
"""
"""Enters a container's files as its user: all of them read-only but the volume."""


@dataclass(frozen=True)
class Image:
    """A built image and the files of one container."""

    config: dict[str, Any]
    files: Path
    base: Path
    """The files of the base image."""

    def command(self, *command: str, **environment: str) -> list[str]:
        """Return the command that runs `command` as a container engine would, read-only."""
        user, group = self.config["User"].split(":")
        (volume,) = self.config["Volumes"]
        places = {
            "root": str(self.files),
            "user": f"{user}:{group}",
            "owner": f"uid={user},gid={group},mode=0755",
            "volume": volume,
        }
        ours = [f"{name}={value}" for name, value in environment.items()]
        return [
            *("unshare", "--mount", "env", *(f"{name}={each}" for name, each in places.items())),
            *("sh", "-ec", ENTER, "sh", *self.config["Env"], *ours, *command),
        ]

    @property
    def entrypoint(self) -> list[str]:
        """The command of a container that is started without arguments, less its own arguments."""
        return list(self.config["Entrypoint"])

    def output(self, *command: str, **environment: str) -> str:
        """Return what a command prints."""
        return run(*self.command(*command, **environment))

    def running(
        self, *arguments: str, ready: str, folder: Path, **environment: str
    ) -> AbstractContextManager[Running]:
        """Run the entry point on loopback; see `running`."""
        loopback = {"GATEWAY_HOST": "127.0.0.1", "GATEWAY_PORT": "0"} | environment
        first, *rest = self.command(*self.entrypoint, *arguments, **loopback)
        return running(*rest, ready=ready, folder=folder, command=first)


@pytest.fixture(scope="session")
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Image]:
    if os.geteuid() != 0:
        pytest.skip("an image is built and run by root alone: sudo make test-image")
    for program in (BUILDAH, MMDEBSTRAP):
        program.path()
    buildah = Buildah(tmp_path_factory.mktemp("image"))
    node, python = stages()[0][0].rest.split()[0], stages()[-1][0].rest
    try:
        base = make_python(buildah, python)
        options = [*machine(), *make_node(buildah, node, python)]
        run(
            *("make", "image", f"ENGINE={shlex.join(buildah.command)}"),
            f"ARGS=--pull-never --isolation=chroot --format=docker {shlex.join(options)}",
        )
        yield Image(buildah.inspect(IMAGE), buildah.mount(IMAGE), base)
    finally:
        buildah.remove()


@pytest.fixture
def demo(image: Image, tmp_path: Path) -> Iterator[Running]:
    with image.running("run", ready="Ctrl-C", folder=tmp_path) as command:
        yield command
