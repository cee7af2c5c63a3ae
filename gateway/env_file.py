"""The `.env` file, checked before the settings are read: its faults are refused in one line."""

from __future__ import annotations

from io import StringIO
from typing import TYPE_CHECKING

from dotenv.parser import parse_stream

if TYPE_CHECKING:
    from pathlib import Path

ENCODING = "utf-8-sig"
"""UTF-8; a byte order mark is no part of the first name."""


def names_in(file: Path, prefix: str) -> list[str]:
    """Names beginning with `prefix` that the file sets, none where there is no file.

    Raises `ValueError`, in one line, for a file that cannot be read or is not UTF-8, and for a
    line of ours that has no value or sets a name again. Lines of other programs are theirs.
    """
    lines: dict[str, int] = {}
    for binding in parse_stream(StringIO(_text(file))):
        name = (binding.key or binding.original.string).strip().upper()
        if not name.startswith(prefix):
            continue
        blank = binding.original.string
        line = binding.original.line + len(blank) - len(blank.lstrip("\n"))
        if binding.error or binding.value is None:
            raise ValueError(f"{file} has no NAME=value in line {line}")
        if name in lines:
            raise ValueError(f"{file} sets {name} in line {lines[name]} and again in line {line}")
        lines[name] = line
    return list(lines)


def _text(file: Path) -> str:
    try:
        text = file.read_bytes().decode(ENCODING)
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise ValueError(f"{file} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ValueError(f"{file} is not UTF-8: save it as UTF-8") from None
    if "\0" in text:
        raise ValueError(f"{file} is not UTF-8, but UTF-16 or UTF-32: save it as UTF-8")
    return text
