"""The first mistake of a validation in one line, in the words of this project."""

import re
from collections.abc import Mapping

from pydantic import ValidationError


def first_mistake(error: ValidationError, prefix: str, patterns: Mapping[str, str]) -> str:
    """Return the first mistake as `PREFIX_NAME must be ...`.

    `patterns` describes the pattern of each field that has one.
    """
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    reason = first["msg"].removeprefix("Value error, ")
    if not first["loc"]:
        return reason
    name = str(first["loc"][0])
    if first["type"] == "string_pattern_mismatch":
        reason = patterns[name]
    elif first["type"] == "bool_parsing":
        reason = "must be true or false"
    else:
        reason = re.sub(r"^(Input|String|Tuple) should ", "must ", reason)
        reason = re.split(", unable| after validation", reason, maxsplit=1)[0]
    return f"{prefix}{name.upper()} {reason[0].lower()}{reason[1:]}"
