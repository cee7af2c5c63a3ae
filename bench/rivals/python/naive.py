"""Peer 'strawberry-naive': the gateway a typical developer writes from the Strawberry + FastAPI docs.
One shared httpx.AsyncClient with default limits, dataclass mapping, no DataLoader, no parse/validation cache."""

import os
from contextlib import asynccontextmanager
from enum import Enum
from typing import Optional
import httpx, strawberry
from fastapi import FastAPI
from strawberry.fastapi import GraphQLRouter
from strawberry.types import Info


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

    @classmethod
    def from_api(cls, c: dict) -> "Client":
        return cls(
            id=strawberry.ID(c["id"]),
            first_name=c["first_name"],
            last_name=c["last_name"],
            email=c.get("email"),
            phone=c.get("phone"),
            client_type=ClientType(c["client_type"]),
            status=ClientStatus(c["status"]),
            source=c.get("source"),
            budget_min=c.get("budget_min"),
            budget_max=c.get("budget_max"),
            version=c.get("version"),
        )


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


@strawberry.type
class Query:
    @strawberry.field
    async def clients(
        self,
        info: Info,
        page: int = 1,
        limit: int = 25,
        client_type: Optional[ClientType] = None,
        status: Optional[ClientStatus] = None,
    ) -> ClientPage:
        params = {"page": page, "limit": limit}
        if client_type:
            params["client_type"] = client_type.value
        if status:
            params["status"] = status.value
        r = await http.get("/v1/clients", params=params)
        r.raise_for_status()
        d = r.json()["data"]
        m = d["meta"]
        return ClientPage(
            nodes=[Client.from_api(c) for c in d["clients"]],
            meta=PageMeta(
                page=m["page"],
                limit=m["limit"],
                total=m["total"],
                total_pages=m["totalPages"],
                has_more=m["hasMore"],
            ),
        )

    @strawberry.field
    async def client(self, info: Info, id: strawberry.ID) -> Optional[Client]:
        r = await http.get(f"/v1/clients/{id}")
        if r.status_code == 404:
            return None
        r.raise_for_status()
        return Client.from_api(r.json()["data"])


http: httpx.AsyncClient


@asynccontextmanager
async def lifespan(app):
    global http
    async with httpx.AsyncClient(base_url=os.environ["UPSTREAM"]) as http:
        yield


schema = strawberry.Schema(Query)
app = FastAPI(lifespan=lifespan)
app.include_router(GraphQLRouter(schema), prefix="/graphql")
