"""The `completion` command: the completion script of a shell."""

from argparse import ArgumentParser
from pathlib import Path

import shtab


def completion_script(parser: ArgumentParser, shell: str) -> str:
    """Return the script; arguments that are paths are completed to files."""
    commands = parser._subparsers  # noqa: SLF001 - argparse has no public way to its commands
    assert commands is not None  # noqa: S101 - ours has commands
    for command in commands._group_actions[0].choices.values():  # type: ignore[union-attr]  # noqa: SLF001
        for action in command._actions:  # noqa: SLF001
            if action.type is Path:
                action.complete = shtab.FILE
    return shtab.complete(parser, shell)
