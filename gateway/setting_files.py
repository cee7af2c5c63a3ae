"""The files of the settings: `.env`, and those of secrets, as container engines mount them."""

import difflib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from io import StringIO
from pathlib import Path
from typing import Any

from dotenv.parser import parse_stream

ENCODING = "utf-8-sig"
"""UTF-8; a byte order mark is dropped."""


def names_in(file: Path, prefix: str) -> list[str]:
    """Return the names with `prefix` that the file sets; an empty list if there is no file.

    Raises `ValueError`, in one line, if the file cannot be read or is not UTF-8, or if a line with
    `prefix` has no value or repeats a name. Lines without `prefix` are ignored.
    """
    lines: dict[str, int] = {}
    try:
        text = _read(file)
    except FileNotFoundError:
        return []
    for binding in parse_stream(StringIO(text)):
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


def check_names(
    environment: Iterable[str], filed: Iterable[str], prefix: str, fields: Sequence[str]
) -> None:
    """Raise `ValueError`, in one line, for a name that is set twice or is not that of a field."""
    ours = [name for name in environment if name.upper().startswith(prefix)]
    for name, times in Counter(map(str.upper, ours)).items():
        if times > 1:
            raise ValueError(f"the environment sets {name} {times} times, in different case")
    known = {f"{prefix}{field.upper()}" for field in fields}
    unknown = sorted(name for name in (*ours, *filed) if name.upper() not in known)
    if unknown:
        name = unknown[0].upper().removeprefix(prefix).lower()
        similar = difflib.get_close_matches(name, fields, 1)
        suggestion = f": did you mean {prefix}{similar[0].upper()}?" if similar else "."
        raise ValueError(f"{unknown[0]} is not a setting{suggestion} The README lists all of them.")


def read_secrets(values: Mapping[str, Any], names: Iterable[str], prefix: str) -> dict[str, Any]:
    """Return the settings with each secret whose file is the value of its name and `_file`.

    Raises `ValueError`, in one line, if the file has no secret or the secret is set as well.
    """
    found = dict(values)
    for name in names:
        file = values.get(f"{name}_file")
        if file is None:
            continue
        setting = f"{prefix}{name.upper()}"
        if name in values:
            raise ValueError(f"{setting} and {setting}_FILE are both set: set one of them")
        try:
            found[name] = _read(Path(file).expanduser()).strip()
        except (FileNotFoundError, RuntimeError) as error:  # RuntimeError: no home directory
            reason = getattr(error, "strerror", None) or error
            raise ValueError(f"{setting}_FILE: {file} cannot be read: {reason}") from None
        except ValueError as error:
            raise ValueError(f"{setting}_FILE: {error}") from None
        if not found[name]:
            raise ValueError(f"{setting}_FILE: {file} is empty")
    return found


def _read(file: Path) -> str:
    """Return the text of a file. Raises `FileNotFoundError`, or `ValueError` in one line."""
    try:
        text = file.read_bytes().decode(ENCODING)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise ValueError(f"{file} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ValueError(f"{file} is not UTF-8: save it as UTF-8") from None
    if "\0" in text:
        raise ValueError(f"{file} is not UTF-8, but UTF-16 or UTF-32: save it as UTF-8")
    return text
