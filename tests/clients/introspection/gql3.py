"""PyPI's gql 3.5 with graphql-core 3.2: fetch the schema, build it, validate it, ask by it."""

import asyncio
import os
import sys

from gql import Client, gql
from gql.transport.aiohttp import AIOHTTPTransport
from graphql import print_schema, validate_schema, version


async def main() -> None:
    """Print what was fetched, and what a validated query was answered."""
    transport = AIOHTTPTransport(
        os.environ["GATEWAY"], headers={"X-API-Key": os.environ["API_KEY"]}
    )
    async with Client(transport=transport, fetch_schema_from_transport=True) as session:
        schema = session.client.schema
        wrong = [error.message for error in validate_schema(schema)]
        answer = await session.execute(gql("{ clients(first: 1) { totalCount } }"))
    built = "type Client implements Node" in print_schema(schema)
    sys.stdout.write(f"graphql-core {version}: {wrong} {built} {answer}\n")


asyncio.run(main())
