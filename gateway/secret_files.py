"""Secrets in files, as container engines mount them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any


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
            found[name] = _secret(Path(file))
        except ValueError as reason:
            raise ValueError(f"{setting}_FILE: {reason}") from None
    return found


def _secret(file: Path) -> str:
    """Return the text of a file without the blanks and line ends around it."""
    try:
        secret = file.expanduser().read_text("utf-8").strip()
    except OSError as error:
        raise ValueError(f"{file} cannot be read: {error.strerror}") from None
    except RuntimeError as reason:  # no home directory
        raise ValueError(f"{file} cannot be read: {reason}") from None
    except UnicodeDecodeError:
        raise ValueError(f"{file} is not UTF-8") from None
    if not secret:
        raise ValueError(f"{file} is empty")
    return secret
