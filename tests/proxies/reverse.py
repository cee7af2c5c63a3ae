"""Reverse proxies on loopback, configured as their documentation configures WebSocket upstreams.

Each keeps connections to the gateway and shares them among its clients, passes `Upgrade` on, and
streams bodies, so that what a client cuts short is cut short for the gateway too.
"""

from __future__ import annotations

import contextlib
import os
import re
import socket
import subprocess
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.packaging.recipes import ROOT
from tests.skips import CADDY, HAPROXY, NGINX, Program

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PATIENCE = 20.0
"""Seconds a proxy may take to start or to end."""

# nginx.org, WebSocket proxying; ngx_http_upstream_module, keepalive.
_NGINX = """
daemon off;
user root;
worker_processes 1;
pid nginx.pid;
error_log error.log;
events { worker_connections 512; }
http {
  access_log off;
  client_body_temp_path body;
  proxy_temp_path proxy;
  fastcgi_temp_path fastcgi;
  uwsgi_temp_path uwsgi;
  scgi_temp_path scgi;
  map $http_upgrade $connection_upgrade {
    default upgrade;
    '' '';
  }
  upstream gateway {
    server 127.0.0.1:UPSTREAM;
    keepalive 8;
  }
  server {
    listen 127.0.0.1:PORT;
    location / {
      proxy_pass http://gateway;
      proxy_http_version 1.1;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection $connection_upgrade;
      proxy_request_buffering off;
    }
  }
}
"""

# HAProxy's configuration manual, http-reuse and timeout tunnel.
_HAPROXY = """
global
  maxconn 512
defaults
  mode http
  timeout connect 5s
  timeout client 30s
  timeout server 30s
  timeout tunnel 1h
  http-reuse always
frontend web
  bind 127.0.0.1:PORT
  default_backend gateway
backend gateway
  server one 127.0.0.1:UPSTREAM
"""

# caddyserver.com, reverse_proxy: WebSockets and keep-alive are its defaults.
_CADDY = """
{
  admin off
  auto_https off
  persist_config off
}
http://:PORT {
  bind 127.0.0.1
  reverse_proxy 127.0.0.1:UPSTREAM
}
"""


@dataclass(frozen=True)
class Proxy:
    """A reverse proxy: how it is configured and started, in a folder of its own."""

    program: Program
    configuration: str
    arguments: tuple[str, ...]

    @contextlib.contextmanager
    def before(self, port: int, folder: Path) -> Iterator[int]:
        """Run it before this port of loopback until the block ends; the port it listens on."""
        own = _free_port()
        file = folder / "proxy.conf"
        filled = self.configuration.replace("UPSTREAM", str(port)).replace("PORT", str(own))
        file.write_text(filled)
        program = self.program.path()
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(  # noqa: S603 - the system's proxies
                [program, *(each.format(folder=folder, file=file) for each in self.arguments)],
                cwd=folder,
                env={**os.environ, "HOME": str(folder), "XDG_DATA_HOME": str(folder)},
                stdout=log,
                stderr=log,
            )
        try:
            _answers(own, process, folder)
            yield own
        finally:
            process.terminate()
            try:
                process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(PATIENCE)


PROXIES = {
    "nginx": Proxy(NGINX, _NGINX, ("-p", "{folder}", "-c", "{file}", "-e", "stderr")),
    "HAProxy": Proxy(HAPROXY, _HAPROXY, ("-db", "-f", "{file}")),
    "Caddy": Proxy(CADDY, _CADDY, ("run", "--config", "{file}", "--adapter", "caddyfile")),
}


def own_certificate(folder: Path) -> Path:
    """A certificate of localhost that signs itself, with its key, by the documented commands."""
    guide = (ROOT / "docs" / "deploying.md").read_text()
    (commands,) = re.findall(
        r"^openssl req .*?secrets/certificate$", guide, re.DOTALL | re.MULTILINE
    )
    (folder / "secrets").mkdir()
    subprocess.run(commands, shell=True, check=True, capture_output=True, cwd=folder)  # noqa: S602
    return folder / "secrets" / "certificate"


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
        return port


def _answers(port: int, process: subprocess.Popen[bytes], folder: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.02)
    raise AssertionError((folder / "log").read_text())
