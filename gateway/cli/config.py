"""The `config` command: each setting in force, and where its value comes from."""

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic_settings import DotEnvSettingsSource, EnvSettingsSource

from gateway.settings import PREFIX, Settings, secrets

MASK = "********"


def settings_sources() -> dict[str, str]:
    """Return where each setting that is set comes from; the rest have their defaults."""
    given = {
        ".env": DotEnvSettingsSource(Settings)(),
        "environment": EnvSettingsSource(Settings)(),
    }
    merged = {
        name: (value, source) for source, values in given.items() for name, value in values.items()
    }
    found = {name: source for name, (value, source) in merged.items() if str(value).strip()}
    for name in secrets():
        if f"{name}_file" in found:
            found[name] = f"{PREFIX}{name.upper()}_FILE"
    return found


def format_settings(settings: Settings, sources: Mapping[str, str]) -> Iterator[str]:
    """Yield the name, the value and the source of each setting, a line each."""
    rows = [
        (
            f"{PREFIX}{name.upper()}",
            MASK if value and name in secrets() else format_value(value),
            sources.get(name, "default"),
        )
        for name, value in settings
    ]
    names, values = (max(len(row[column]) for row in rows) for column in (0, 1))
    for name, value, source in rows:
        yield f"{name:<{names}}  {value:<{values}}  {source}"


def format_value(value: Any) -> str:  # noqa: ANN401 - settings are of many types
    """Return a value as the environment has it; a dash for none."""
    if value is None or value == ():
        return "-"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:g}"
    return ",".join(value) if isinstance(value, tuple) else str(value)
