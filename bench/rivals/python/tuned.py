"""'strawberry-tuned': still Strawberry's public API, with every ordinary optimisation on: ParserCache + ValidationCache,
per-request DataLoader, aiohttp upstream, orjson both ways, resolvers handing over plain objects, frozen GC,
optional parsed-page TTL cache (CACHE=1). CLIENT=aiohttp|httpx, ROUTER=fastapi|asgi."""

import asyncio, gc, os, time
from contextlib import asynccontextmanager
from datetime import timedelta
from enum import Enum
from typing import Optional
import orjson, strawberry
from aiodataloader import DataLoader
from cachetools import LRUCache
from strawberry.extensions import ParserCache, ValidationCache
from strawberry.types import Info

UP = os.environ["UPSTREAM"]
CACHE = os.environ.get("CACHE") == "1"
CLIENT = os.environ.get("CLIENT", "aiohttp")


@strawberry.enum
class ClientType(Enum):
    BUYER = "buyer"
    SELLER = "seller"
    BOTH = "both"


@strawberry.enum
class ClientStatus(Enum):
    ACTIVE = "active"
    INACTIVE = "inactive"
    CLOSED = "closed"


CT = {e.value: e for e in ClientType}
CS = {e.value: e for e in ClientStatus}


@strawberry.type
class Client:
    id: strawberry.ID
    first_name: str
    last_name: str
    email: Optional[str]
    phone: Optional[str]
    client_type: ClientType
    status: ClientStatus
    source: Optional[str]
    budget_min: Optional[float]
    budget_max: Optional[float]
    version: Optional[int]


def mk(c):
    o = Client.__new__(Client)
    c["client_type"] = CT[c["client_type"]]
    c["status"] = CS[c["status"]]
    o.__dict__ = c
    return o


@strawberry.type
class PageMeta:
    page: int
    limit: int
    total: int
    total_pages: int
    has_more: bool


@strawberry.type
class ClientPage:
    nodes: list[Client]
    meta: PageMeta


cache = LRUCache(4096)


async def list_page(page, limit, ct, st):
    k = (page, limit, ct, st)
    if CACHE and (hit := cache.get(k)) and hit[0] > time.monotonic():
        return hit[1]
    q = (
        f"/v1/clients?page={page}&limit={limit}"
        + (f"&client_type={ct.value}" if ct else "")
        + (f"&status={st.value}" if st else "")
    )
    d = (await fetch(q))["data"]
    m = d["meta"]
    r = ClientPage(
        nodes=[mk(c) for c in d["clients"]],
        meta=PageMeta(
            page=m["page"],
            limit=m["limit"],
            total=m["total"],
            total_pages=m["totalPages"],
            has_more=m["hasMore"],
        ),
    )
    if CACHE:
        cache[k] = (time.monotonic() + 300, r)
    return r


async def one(id):
    if CACHE and (hit := cache.get(id)) and hit[0] > time.monotonic():
        return hit[1]
    j = await fetch("/v1/clients/" + id)
    r = mk(j["data"]) if j else None
    if CACHE:
        cache[id] = (time.monotonic() + 300, r)
    return r


async def batch(ids):
    return await asyncio.gather(*[one(i) for i in ids])


@strawberry.type
class Query:
    @strawberry.field
    async def clients(
        self,
        page: int = 1,
        limit: int = 25,
        client_type: Optional[ClientType] = None,
        status: Optional[ClientStatus] = None,
    ) -> ClientPage:
        return await list_page(page, limit, client_type, status)

    @strawberry.field
    def client(self, info: Info, id: strawberry.ID) -> Optional[Client]:
        return info.context["loader"].load(id)


schema = strawberry.Schema(
    Query, extensions=[lambda: ParserCache(maxsize=512), lambda: ValidationCache(maxsize=512)]
)


def ctx():
    return {"loader": DataLoader(batch)}


@asynccontextmanager
async def lifespan(app):
    global fetch
    if CLIENT == "aiohttp":
        import aiohttp

        s = aiohttp.ClientSession(
            base_url=UP,
            connector=aiohttp.TCPConnector(limit=128, keepalive_timeout=120),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
        )

        async def fetch(p):
            async with s.get(p, allow_redirects=False) as r:
                b = await r.read()
                if r.status == 404:
                    return None
                if r.status != 200:
                    raise RuntimeError("upstream")
                return orjson.loads(b)

        close = s.close
    else:
        import httpx

        h = httpx.AsyncClient(
            base_url=UP, limits=httpx.Limits(max_connections=128, max_keepalive_connections=128)
        )

        async def fetch(p):
            r = await h.get(p)
            return None if r.status_code == 404 else orjson.loads(r.content)

        close = h.aclose
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
    yield
    await close()


if os.environ.get("ROUTER", "fastapi") == "fastapi":
    from fastapi import FastAPI, Response
    from strawberry.fastapi import GraphQLRouter

    class R(GraphQLRouter):
        def encode_json(self, data):
            return orjson.dumps(data)

    async def context_getter():
        return ctx()

    app = FastAPI(lifespan=lifespan)
    app.include_router(
        R(schema, context_getter=context_getter, allow_queries_via_get=False), prefix="/graphql"
    )
else:  # raw ASGI: schema.execute and nothing else
    H = [(b"content-type", b"application/json")]

    async def app(scope, receive, send):
        if scope["type"] == "lifespan":
            async with lifespan(None):
                await receive()
                await send({"type": "lifespan.startup.complete"})
                await receive()
            return await send({"type": "lifespan.shutdown.complete"})
        body = b""
        while True:
            m = await receive()
            body += m.get("body", b"")
            if not m.get("more_body"):
                break
        q = orjson.loads(body)
        r = await schema.execute(
            q["query"],
            variable_values=q.get("variables"),
            operation_name=q.get("operationName"),
            context_value=ctx(),
        )
        out = {"data": r.data}
        if r.errors:
            out["errors"] = [e.formatted for e in r.errors]
        b = orjson.dumps(out)
        await send(
            {
                "type": "http.response.start",
                "status": 200,
                "headers": H + [(b"content-length", str(len(b)).encode())],
            }
        )
        await send({"type": "http.response.body", "body": b})
