"""The API's stand-in: 1,000 clients as static files, so that what is measured is the gateway."""

from __future__ import annotations

import contextlib
import random
import subprocess
import time
import urllib.request
import uuid
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from bench.rig import Rig

ROWS = 1_000
OWN_ROWS = 60
"""Clients of each caller in workload R."""
_FIRST = ("Michael", "Jordan", "Ana", "Wei", "Fatima", "Olu", "Priya", "Lars", "Chloe", "Mateo")
_LAST = ("Torres", "Lee", "Nguyen", "Okafor", "Patel", "Berg", "Dubois", "Garcia", "Kim", "Novak")


def clients() -> list[dict[str, Any]]:
    """Return the same clients every time, with the twenty fields of the API page's record."""
    dice = random.Random(42)  # noqa: S311 - the same clients every time

    def uuid4() -> str:
        return str(uuid.UUID(int=dice.getrandbits(128), version=4))

    rows = []
    for index in range(ROWS):
        first, last = _FIRST[index % 10], _LAST[index // 10 % 10]
        budget = 200_000 + 5_000 * (index % 100)
        rows.append(
            {
                "id": uuid4(),
                "user_id": uuid4(),
                "first_name": first,
                "last_name": last,
                "email": f"{first}.{last}.{index}@example.com".lower(),
                "phone": f"(661) 555-{index:04d}",
                "client_type": ("buyer", "seller", "both")[index % 3],
                "status": ("active", "inactive", "closed")[index % 3],
                "source": "Zillow",
                "budget_min": budget,
                "budget_max": budget + 150_000,
                "preferred_locations": ["Bakersfield", "Tehachapi"],
                "property_preferences": {
                    "bedrooms_min": 3,
                    "bathrooms_min": 2,
                    "square_feet_min": 1_800,
                    "property_types": ["single_family", "condo"],
                },
                "pre_approved": bool(index % 2),
                "pre_approval_amount": budget + 50_000,
                "notes": "Prefers a quiet street; call after 5pm.",
                "tags": ["hot", "first-time"],
                "version": 1 + index % 5,
                "created_at": "2026-07-15T14:32:10.000Z",
                "updated_at": "2026-07-15T14:32:10.000Z",
            }
        )
    return rows


def write(folder: Path) -> None:
    """One file for each page of 25 and of 100, and one for each client."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = clients()
    for limit in (25, 100):
        for page in range(1, ROWS // limit + 1):
            meta = {
                "page": page,
                "limit": limit,
                "total": ROWS,
                "totalPages": ROWS // limit,
                "hasMore": page * limit < ROWS,
            }
            data = {"clients": rows[(page - 1) * limit : page * limit], "meta": meta}
            _put(folder / f"list_{limit}_{page}.json", data)
    for row in rows:
        _put(folder / f"id_{row['id']}.json", row)


def write_own(folder: Path) -> None:
    """Write the lists of a caller of `OWN_ROWS` clients, by filter and size, and each client."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = clients()[:OWN_ROWS]
    for status in ("", "active", "inactive", "closed"):
        for kind in ("", "buyer", "seller", "both"):
            shown = [
                row
                for row in rows
                if status in {"", row["status"]} and kind in {"", row["client_type"]}
            ]
            for limit in (*range(1, OWN_ROWS + 1), 100):
                meta = {"page": 1, "limit": limit, "total": len(shown), "totalPages": 1}
                data = {"clients": shown[:limit], "meta": meta | {"hasMore": limit < len(shown)}}
                _put(folder / f"list_{limit}_1_{status}_{kind}.json", data)
    for row in rows:
        _put(folder / f"id_{row['id']}.json", row)


def _put(path: Path, data: object) -> None:
    path.write_bytes(orjson.dumps({"success": True, "data": data}))


def _conf(rig: Rig) -> str:
    scratch = rig.root / "scratch"
    return f"""
worker_processes 1; worker_rlimit_nofile 8192; daemon off;
pid {scratch}/nginx.pid; error_log {rig.logs}/nginx.log warn;
events {{ worker_connections 4096; }}
http {{
  access_log off; default_type application/json; sendfile on; tcp_nodelay on; tcp_nopush on;
  keepalive_requests 100000000; keepalive_timeout 300s;
  open_file_cache max=4000 inactive=1h; open_file_cache_valid 1h;
  client_body_temp_path {scratch}; proxy_temp_path {scratch}; fastcgi_temp_path {scratch};
  uwsgi_temp_path {scratch}; scgi_temp_path {scratch};
  map $arg_page  $page  {{ default $arg_page;  "" 1;  }}
  map $arg_limit $limit {{ default $arg_limit; "" 25; }}
  server {{
    listen 127.0.0.1:{rig.api_port} backlog=4096; root {rig.data};
    location = /status {{ stub_status; }}
    location = /v1/clients {{ rewrite ^ /list_${{limit}}_${{page}}.json last; }}
    location /v1/clients/ {{ rewrite ^/v1/clients/(.*)$ /id_$1.json last; }}
    location / {{ internal; etag off; if_modified_since off; add_header Last-Modified "";
                  try_files $uri =404; }}
  }}
  server {{
    listen 127.0.0.1:{rig.own.api_port} backlog=4096; root {rig.own.data};
    location = /v1/clients {{
      rewrite ^ /list_${{limit}}_${{page}}_${{arg_status}}_${{arg_client_type}}.json last; }}
    location /v1/clients/ {{ rewrite ^/v1/clients/(.*)$ /id_$1.json last; }}
    location / {{ internal; etag off; if_modified_since off; add_header Last-Modified "";
                  try_files $uri =404; error_page 405 =200 $uri; }}
  }}
}}"""


def answered(rig: Rig) -> int:
    """Return how many requests nginx has answered since its start, this one included."""
    with urllib.request.urlopen(f"{rig.api}/status", timeout=10) as status:  # noqa: S310 - ours
        return int(status.read().split()[9])


@contextlib.contextmanager
def running(rig: Rig) -> Iterator[subprocess.Popen[bytes]]:
    """Run the stand-in on the second core."""
    if not (rig.data / "list_100_1.json").exists():
        write(rig.data)
    if not (rig.own.data / "list_100_1__.json").exists():
        write_own(rig.own.data)
    (rig.root / "scratch").mkdir(exist_ok=True)
    conf = rig.root / "nginx.conf"
    conf.write_text(_conf(rig))
    nginx = subprocess.Popen(  # noqa: S603
        ["taskset", "-c", "1", str(rig.nginx), "-p", str(rig.root), "-c", str(conf)],  # noqa: S607
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        for _ in range(50):
            with contextlib.suppress(OSError):
                answered(rig)
                break
            time.sleep(0.1)
        yield nginx
    finally:
        nginx.terminate()
        nginx.wait(10)
