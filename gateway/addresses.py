"""Validation of the URLs, origins and hosts in the settings. Each error states its reason."""

import re
from ipaddress import IPv6Address, ip_address
from urllib.parse import SplitResult, parse_qsl, urlsplit

_PORTS = {"http": 80, "https": 443}
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?", re.IGNORECASE)
_PATH = re.compile(r"(/[\w.~!$&'()*+,;=:@%-]+)*", re.ASCII)
_USER = re.compile(r"([\w.~!$&'()*+,;=:-]|%[0-9a-fA-F]{2})*", re.ASCII)
_LAST_PORT = 65_535
LONGEST_NAME = 253
"""Characters of a host name (RFC 1035, 2.3.4, without the length octets)."""
_VALKEY_SCHEMES = {
    "valkey": "redis",
    "redis": "redis",
    "valkeys": "rediss",
    "rediss": "rediss",
    "unix": "unix",
}
"""The schemes that are accepted, and what the client library calls them; an `s` is TLS."""
_VALKEY_LIKE = (
    "must be a URL like valkey://user:password@host:6379/0, valkeys://host or unix:///socket"
)


def is_loopback(host: str) -> bool:
    """Return True if `host` is reachable from this machine only."""
    if host.lower() == "localhost":
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def authority(host: str, port: int) -> str:
    """Write host and port as in a URL: an IPv6 address in brackets (RFC 3986, 3.2.2)."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def valid_host(host: str) -> str:
    """Return an IP address without brackets or a host name in lower case. Raises `ValueError`."""
    if not host:
        raise ValueError("must name a host")
    if not host.isascii():
        raise ValueError("must have its host name in ASCII (xn--...)")
    if host.startswith("[") or ":" in host:
        try:
            return str(IPv6Address(host.removeprefix("[").removesuffix("]")))
        except ValueError:
            raise ValueError("has a host that is no IPv6 address") from None
    if re.fullmatch(r"[\d.]+", host):
        try:
            return str(ip_address(host))
        except ValueError:
            raise ValueError("has a host that is no IPv4 address") from None
    labels = host.removesuffix(".").split(".")
    if len(host) > LONGEST_NAME or not all(map(_LABEL.fullmatch, labels)):
        raise ValueError("has a host that is no host name (RFC 1123, 2.1)")
    return host.lower()


def listening_host(value: str) -> str:
    """Return a host to listen on. Raises `ValueError` for a URL or for a host with a port."""
    if "/" in value:
        raise ValueError("must be an address like 127.0.0.1, without a scheme or a path")
    if value.count(":") == 1 or (value.startswith("[") and not value.endswith("]")):
        raise ValueError("must be an address alone; the port is a setting of its own")
    return valid_host(value)


def listening_address(value: str) -> str:
    """Return an address and a port to listen on. Raises `ValueError` with the reason."""
    host, colon, digits = value.rpartition(":")
    if not colon or not re.fullmatch(r"[0-9]{1,5}", digits) or int(digits) > _LAST_PORT:
        raise ValueError("must be an address and a port like 127.0.0.1:9100")
    return authority(listening_host(host), int(digits))


def split_address(value: str) -> tuple[str, int]:
    """Return the address and the port of a valid `listening_address`."""
    host, _, digits = value.rpartition(":")
    return host.removeprefix("[").removesuffix("]"), int(digits)


def base_url(value: str) -> str:
    """Return the API's base URL without trailing slashes. Raises `ValueError` with the reason."""
    parts = _split(value, "a URL like https://api.actuallycare.com/v1, beginning with https://")
    netloc = _netloc(parts)
    path = parts.path.rstrip("/")
    if not _PATH.fullmatch(path) or {".", ".."} & set(path.split("/")):
        raise ValueError("must have a plain path, without empty, `.` or `..` segments")
    if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
        raise ValueError("must be https, unless it is on this machine's loopback address")
    return f"{parts.scheme}://{netloc}{path}"


def origin(value: str) -> str:
    """Return the origin in lower case and without a default port (RFC 6454, 6.2).

    Raises `ValueError` with the reason.
    """
    try:
        parts = _split(value, "an origin, beginning with https://")
        netloc = _netloc(parts)
        if parts.path:
            raise ValueError("must not have a path, not even a slash")
    except ValueError as reason:
        raise ValueError(
            f"{value!r} is not an origin like https://app.example.com: it {reason}"
        ) from None
    default = f":{_PORTS[parts.scheme]}"
    return f"{parts.scheme}://{netloc.removesuffix(default)}"


def proxy_url(value: str) -> str:
    """Return the URL of an HTTP proxy, with its user name and password, if it has them.

    Raises `ValueError` with the reason, which quotes neither.
    """
    scheme, _, rest = value.partition("://")
    user, at, place = rest.rpartition("@")
    if not _USER.fullmatch(user):
        raise ValueError("must have a user name and a password in percent-encoded ASCII")
    parts = _split(f"{scheme}://{place}", "a URL like http://proxy.example:3128")
    if parts.path.strip("/"):
        raise ValueError("must not have a path")
    return f"{scheme}://{user}{at}{_netloc(parts)}"


def _split(value: str, kind: str) -> SplitResult:
    if re.search(r"[\s\x00-\x1f\x7f\\]", value):
        raise ValueError("must not contain blanks, control characters or backslashes")
    try:
        parts = urlsplit(value)
    except ValueError:
        raise ValueError("has a host that is no IPv6 address") from None
    if parts.scheme not in _PORTS or not value[len(parts.scheme) :].startswith("://"):
        raise ValueError(f"must be {kind}")
    if "@" in parts.netloc:
        raise ValueError("must not contain a user name or a password")
    if "?" in value or "#" in value:
        raise ValueError("must not have a query or fragment")
    return parts


def _netloc(parts: SplitResult) -> str:
    host = valid_host(parts.hostname or "")
    _, colon, digits = parts.netloc.rpartition(":")
    if not colon or digits.endswith("]"):
        return f"[{host}]" if ":" in host else host
    if not re.fullmatch(r"[0-9]{1,5}", digits) or not 0 < int(digits) <= _LAST_PORT:
        raise ValueError("must have a port from 1 to 65535, or none")
    return authority(host, int(digits))


def valkey_server(value: str) -> str:
    """Return the URL of a server as the client library reads it.

    Raises `ValueError` with the reason, which quotes no user name and no password.
    """
    scheme, _, rest = value.partition("://")
    if scheme not in _VALKEY_SCHEMES or re.search(r"[\s\x00-\x1f\x7f\\]", rest):
        raise ValueError(_VALKEY_LIKE)
    try:
        parts = urlsplit(f"{scheme}://{rest}")
        has_host = bool(parts.hostname) and parts.port != 0
    except ValueError:
        raise ValueError("has an impossible host or port") from None
    if scheme == "unix":
        options = parse_qsl(parts.query, keep_blank_values=True)
        is_database = all(name == "db" and value.isdigit() for name, value in options)
        if len(parts.path) <= 1 or not is_database:
            raise ValueError(
                "must have a path, and at most ?db=N after it: unix:///run/valkey.sock"
            )
    elif not has_host or not re.fullmatch(r"(/\d{0,5})?", parts.path) or parts.query:
        raise ValueError(_VALKEY_LIKE)
    if parts.fragment:
        raise ValueError(_VALKEY_LIKE)
    return f"{_VALKEY_SCHEMES[scheme]}://{rest}"
