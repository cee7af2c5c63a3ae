// An urql application without a screen, on Graphcache: a normalized cache that knows our schema.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { buildSchema, introspectionFromSchema } from "graphql";
import { Client, fetchExchange, gql } from "urql";

import { credential, fail, spent, url } from "../setting.mjs";
import { cache } from "./cache.mjs";

const sdl = readFileSync(new URL("../../../schema/schema.graphql", import.meta.url), "utf8");
const schema = introspectionFromSchema(buildSchema(sdl, { assumeValidSDL: true }));

const LIST = gql`
  query List($first: Int, $after: String, $last: Int, $before: String) {
    clients(first: $first, after: $after, last: $last, before: $before) {
      edges { cursor node { id fullName status version } }
      pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
    }
  }
`;
const ONE = gql`
  query One($id: ID!) { client(id: $id) { id fullName status version } }
`;
const WITH_JUNK = gql`
  query WithJunk($id: ID!) {
    client(id: $id) { id fullName status }
    stranger: client(id: "stranger") { id fullName }
  }
`;
const UPDATE = gql`
  mutation Update($input: UpdateClientInput!) {
    updateClient(input: $input) {
      ... on UpdateClientSuccess { client { id status version } }
      ... on ClientMutationError { code retryable }
    }
  }
`;
const CREATE = gql`
  mutation Create($input: CreateClientInput!) {
    createClient(input: $input) {
      ... on CreateClientSuccess { clientEdge { cursor node { id fullName status version } } }
      ... on ClientMutationError { code retryable }
    }
  }
`;
const DELETE = gql`
  mutation Delete($id: ID!) {
    deleteClient(input: { id: $id }) {
      ... on DeleteClientSuccess { deletedClientId }
      ... on ClientMutationError { code retryable }
    }
  }
`;

function application() {
  return new Client({
    url,
    exchanges: [cache(schema, { query: LIST, variables: { first: 10 } }), fetchExchange],
    preferGetMethod: false,
    fetchOptions: { headers: credential },
  });
}

/** What `query` answers; fails with its error unless `partly`. */
async function ask(client, query, variables, { partly = false, ...context } = {}) {
  const { data, error } = await client.query(query, variables, context).toPromise();
  if (error && !partly) throw error;
  return partly ? { data, error } : data;
}

async function change(client, mutation, variables) {
  const { data, error } = await client.mutation(mutation, variables).toPromise();
  if (error) throw error;
  return data;
}

const ids = ({ clients }) => clients.edges.map(({ node }) => node.id);

test("relayPagination puts pages together, forwards and backwards", async () => {
  const forwards = application();
  let data = await ask(forwards, LIST, { first: 20 });
  for (const _ of [2, 3])
    data = await ask(forwards, LIST, { first: 20, after: data.clients.pageInfo.endCursor });
  assert.equal(new Set(ids(data)).size, 42);
  assert.equal(data.clients.pageInfo.hasNextPage, false);

  const backwards = application();
  data = await ask(backwards, LIST, { last: 20 });
  for (const _ of [2, 3])
    data = await ask(backwards, LIST, { last: 20, before: data.clients.pageInfo.startCursor });
  assert.equal(new Set(ids(data)).size, 42);
  assert.equal(data.clients.pageInfo.hasPreviousPage, false);
  assert.deepEqual(await spent(), ["GET /clients?page=1&limit=100"]);
});

const TABLE = gql`
  query Table($first: Int, $after: String, $search: String, $orderBy: [ClientOrder!]) {
    clients(first: $first, after: $after, search: $search, orderBy: $orderBy) {
      totalCount
      edges { cursor node { id lastName } }
      pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
      facets { status { value count } tags(first: 2) { value count } }
    }
  }
`;

test("relayPagination puts the pages of a sorted search together", async () => {
  const client = application();
  const variables = { first: 3, search: "an", orderBy: [{ field: "LAST_NAME", direction: "DESC" }] };
  let { clients } = await ask(client, TABLE, variables);
  while (clients.pageInfo.hasNextPage)
    ({ clients } = await ask(client, TABLE, { ...variables, after: clients.pageInfo.endCursor }));

  const names = clients.edges.map(({ node }) => node.lastName);
  assert.equal(new Set(ids({ clients })).size, clients.totalCount);
  assert.deepEqual(names, names.toSorted().reverse());
  assert.ok((await spent()).length <= 1);
});

test("a mutation changes a client in every query that shows it", async () => {
  const client = application();
  const list = await ask(client, LIST, { first: 10 });
  const { id, version } = list.clients.edges[0].node;
  await ask(client, ONE, { id });
  const seen = [];
  const { unsubscribe } = client.query(ONE, { id }).subscribe(({ data }) => seen.push(data.client));

  await change(client, UPDATE, { input: { id, expectedVersion: version, status: "INACTIVE" } });
  unsubscribe();

  assert.deepEqual(seen.map(({ version }) => version), [version, version + 1]);
  const shown = (await ask(client, LIST, { first: 10 })).clients.edges[0].node;
  assert.equal(shown.status, "INACTIVE");
  assert.deepEqual(await spent(), [`PUT /clients/${id}`]);
});

test("a created client joins the list, and a lost answer changes nothing in the cache", async () => {
  const client = application();
  const before = ids(await ask(client, LIST, { first: 10 }));
  await spent();
  const input = { firstName: "Kay", lastName: "McNulty", clientType: "BOTH" };

  const { createClient } = await change(client, CREATE, { input });
  const after = ids(await ask(client, LIST, { first: 10 }, { requestPolicy: "cache-only" }));
  assert.deepEqual(after, [createClient.clientEdge.node.id, ...before]);

  await fail({ method: "POST", dropped: true });
  const lost = await change(client, CREATE, { input });
  assert.deepEqual(lost.createClient, { code: "WRITE_UNCONFIRMED", retryable: false });
  const still = ids(await ask(client, LIST, { first: 10 }, { requestPolicy: "cache-only" }));
  assert.deepEqual(still, after);
  assert.deepEqual(await spent(), [
    "POST /clients",
    "POST /clients",
    "GET /clients?page=1&limit=100&client_type=both",
  ]);
});

test("a mutation that is null, and one before the list was read, change no list", async () => {
  const client = application();
  const input = { firstName: "Fran", lastName: "Bilas", clientType: "BOTH" };
  const body = '{"success":false,"error":{"code":"FORBIDDEN","message":"not yours"}}';
  for (const method of ["POST", "DELETE"])
    await fail({ method, instead: true, status: 403, body });

  const created = await client.mutation(CREATE, { input }).toPromise();
  const id = "00000000-0000-4000-8000-000000000000";
  const deleted = await client.mutation(DELETE, { input: { id }, id }).toPromise();
  for (const { error } of [created, deleted])
    assert.deepEqual(error.graphQLErrors.map(({ extensions }) => extensions.code), ["FORBIDDEN"]);
  assert.deepEqual([created.data.createClient, deleted.data.deleteClient], [null, null]);

  const { createClient } = await change(client, CREATE, { input });
  assert.equal(createClient.clientEdge.node.fullName, "Fran Bilas");
  assert.equal((await spent()).length, 3);
});

test("a deleted client is gone from the cache", async () => {
  const client = application();
  const [id] = ids(await ask(client, LIST, { first: 10 }));
  await ask(client, ONE, { id });
  await spent();

  await change(client, DELETE, { id });

  assert.equal((await ask(client, ONE, { id })).client, null);
  assert.deepEqual(await spent(), [`DELETE /clients/${id}`]);
});

test("a field that failed is not taken for a null: its error has a path", async () => {
  const client = application();
  const [id] = ids(await ask(client, LIST, { first: 10 }));
  const { data, error } = await ask(client, WITH_JUNK, { id }, { partly: true });

  assert.equal(data.client.id, id);
  assert.equal(data.stranger, null);
  const [{ path, extensions }] = error.graphQLErrors;
  assert.deepEqual([path, extensions.code], [["stranger"], "BAD_USER_INPUT"]);
});
