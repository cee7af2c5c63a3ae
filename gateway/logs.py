"""The log: one JSON object a line, without secrets and personal data."""

import logging
import re
import sys
from datetime import UTC, datetime
from typing import TextIO

import orjson

_HEADER = re.compile(
    r"(x-api-key|x-gateway-token|(?:proxy-)?authorization|x-signature|webhook-signature|cookie)"
    r"((?:['\"]\s{0,3},|['\"]?\s{0,3}[:=])\s{0,3}(?:b(?=['\"]))?['\"]?)"
    r"((?:(?:bearer|basic|digest|token|apikey) )?[^\s'\",;)}\]]+)",
    re.IGNORECASE,
)
"""A header name and its value in a header, a mapping or a list of pairs. A comma after a
name without quotes ends the match: it belongs to a sentence."""
_BEARER = re.compile(
    r"\b(bearer|basic)\s+(?!(?-i:[a-z]{1,15})(?:[.,:;!?)]?(?:\s|$)))[^\s'\",;)}\]]+",
    re.IGNORECASE,
)
"""A scheme and its credential. A short word in lower case belongs to a sentence."""
_KEY = re.compile(r"[0-9A-Fa-f]{64,}")
_DOTTED = re.compile(r"[\w.-]+")
_WORD = re.compile(r"[^\s\"'<>()\[\]{},;=\\]+")
_DIGITS = re.compile(r"(?<![\w.-])\+?\(?\d[\d ().\-/]{7,22}\d(?![\w-])")
_PHONE_DIGITS = 9
"""Fewer digits are a number, a time or a port."""
_NOISY_LOGGERS = ("httpx2", "httpcore2", "asyncio")
"""Loggers that would log every request and its headers."""


def redact_credentials(text: str) -> str:
    """Replace every key, token and credential header in the text."""
    text = _HEADER.sub(r"\1\2[hidden]", text)
    text = _BEARER.sub(r"\1 [hidden]", text)
    text = _KEY.sub("[key]", text)
    # `{"` in base64 begins a JWT.
    return _DOTTED.sub(lambda word: "[token]" if "eyJ" in word[0] else word[0], text)


def redact(text: str) -> str:
    """Replace every credential, e-mail address and telephone number in the text."""
    text = redact_credentials(text)
    # A directive begins with @.
    text = _WORD.sub(lambda word: "[email]" if "@" in word[0].lstrip("@") else word[0], text)
    return _DIGITS.sub(_no_phone, text)


def _no_phone(number: re.Match[str]) -> str:
    digits = sum(character.isdigit() for character in number[0])
    return "[phone]" if digits >= _PHONE_DIGITS else number[0]


class JSONFormatter(logging.Formatter):
    """A formatter to one line of JSON: time (UTC), level, logger, message, and error if any."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, redacted."""
        fields: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": redact(record.getMessage()),
        }
        for name, value in getattr(record, "fields", {}).items():
            fields[name] = redact(value) if isinstance(value, str) else value
        if record.exc_info:
            fields["error"] = redact(self.formatException(record.exc_info))
        if record.stack_info:
            fields["stack"] = redact(record.stack_info)
        return orjson.dumps(fields, default=str).decode()


def configure(stream: TextIO | None = None, level: str = "warning") -> None:
    """Log to `stream` (standard error) from `level` on; silence loggers that log headers.

    A log that cannot be written does not fail a request.
    """
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JSONFormatter())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    logging.raiseExceptions = False
    for name in _NOISY_LOGGERS:
        logging.getLogger(name).setLevel(logging.WARNING)
