"""An HTTP forward proxy: CONNECT and requests in absolute form (RFC 9110, 9.3.6; RFC 9112, 3.2.2).

`python -m tests.forward_proxy [USER:PASSWORD]` prints its port, then each request line.
"""

import asyncio
import base64
import contextlib
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from functools import partial
from urllib.parse import urlsplit


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()


async def _serve(
    credentials: str | None, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
        line, *fields = head.decode().split("\r\n")
        print(line, flush=True)  # noqa: T201 - the parent process reads it
        method, target, _ = line.split(" ")
        given = [each.split(" ")[-1] for each in fields if each.startswith("Proxy-Authorization:")]
        if credentials and given != [base64.b64encode(credentials.encode()).decode()]:
            writer.write(b"HTTP/1.1 407 Who Are You\r\nContent-Length: 0\r\n\r\n")
            writer.close()
            return
        parts = urlsplit(f"//{target}" if method == "CONNECT" else target)
        there, back = await asyncio.open_connection(parts.hostname, parts.port)
        if method == "CONNECT":
            writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        else:
            fields = [each for each in fields if not each.startswith("Proxy-")]
            path = parts.path + (f"?{parts.query}" if parts.query else "")
            back.write("\r\n".join([f"{method} {path} HTTP/1.1", *fields]).encode())
        await asyncio.gather(_copy(reader, back), _copy(there, writer))
    except (OSError, asyncio.IncompleteReadError):
        writer.close()


async def main(credentials: str | None) -> None:
    server = await asyncio.start_server(partial(_serve, credentials), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)  # noqa: T201 - the parent process reads it
    await server.serve_forever()


@dataclass
class ForwardProxy:
    """A proxy in a process of its own, and the request lines that it got."""

    port: int
    lines: list[str] = field(default_factory=list)


@contextlib.asynccontextmanager
async def running(credentials: str | None = None) -> AsyncIterator[ForwardProxy]:
    """Run a proxy, which demands `credentials` if there are some."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.forward_proxy", *([credentials] if credentials else [])),
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    output = process.stdout
    proxy = ForwardProxy(int(await output.readline()))

    async def collect() -> None:
        while line := await output.readline():
            proxy.lines.append(line.decode().strip())

    collecting = asyncio.create_task(collect())
    try:
        yield proxy
    finally:
        process.terminate()
        await process.wait()
        await collecting


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else None))
