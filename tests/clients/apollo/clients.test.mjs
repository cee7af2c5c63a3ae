// An Apollo Client application without a screen: paging, a normalized cache, persisted queries,
// and what each error policy makes of our answers.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { ApolloClient, ApolloLink, gql, HttpLink } from "@apollo/client";
import { CombinedGraphQLErrors } from "@apollo/client/errors";
import { PersistedQueryLink } from "@apollo/client/link/persisted-queries";
import { buildSchema, isInterfaceType } from "graphql";

import { credential, spent, url } from "../setting.mjs";
import { cache, possibleTypes } from "./cache.mjs";

const sha256 = (text) => createHash("sha256").update(text).digest("hex");

/** A client of its own cache; `seen` has each request it sent: its method and what it sent. */
function application({ useGETForHashedQueries } = {}) {
  const seen = [];
  const recorded = (where, init) => {
    const { method, body } = init;
    const sent = method === "GET" ? Object.fromEntries(new URL(where).searchParams) : JSON.parse(body);
    seen.push({ method, by: "query" in sent ? "text" : "hash" });
    return fetch(where, init);
  };
  const http = new HttpLink({ uri: url, headers: credential, fetch: recorded });
  const persisted = new PersistedQueryLink({ sha256, useGETForHashedQueries });
  const client = new ApolloClient({
    link: useGETForHashedQueries === undefined ? http : ApolloLink.from([persisted, http]),
    cache: cache(),
  });
  return { client, seen };
}

const LIST = gql`
  query List($first: Int, $after: String, $filter: ClientFilter) {
    clients(first: $first, after: $after, filter: $filter) {
      totalCount
      edges { cursor node { id fullName status version } }
      pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
    }
  }
`;
const UPDATE = gql`
  mutation Update($input: UpdateClientInput!) {
    updateClient(input: $input) {
      ... on UpdateClientSuccess { client { id status version } }
      ... on ClientVersionConflict { currentVersion current { id status version } }
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
    deleteClient(input: { id: $id }) { ... on DeleteClientSuccess { deletedClientId } }
  }
`;
const MISSING = "00000000-0000-4000-8000-000000000000";
/** Two fields, the second of which makes no sense. */
const HALF = gql`
  query Half($id: ID!, $junk: ID!) {
    good: client(id: $id) { id fullName }
    bad: client(id: $junk) { id fullName }
  }
`;

const cached = (client) => client.readQuery({ query: LIST, variables: { first: 10 } }).clients;
const ids = (list) => list.edges.map(({ node }) => node.id);

test("the possible types that the cache gets are those of the SDL", () => {
  const sdl = readFileSync(new URL("../../../schema/schema.graphql", import.meta.url), "utf8");
  const schema = buildSchema(sdl, { assumeValidSDL: true });
  const interfaces = Object.values(schema.getTypeMap()).filter(isInterfaceType);
  const names = (type) => schema.getPossibleTypes(type).map(({ name }) => name).sort();

  assert.deepEqual(
    possibleTypes,
    Object.fromEntries(interfaces.map((type) => [type.name, names(type)])),
  );
});

test("relayStylePagination merges pages as they are fetched", async () => {
  const { client } = application();
  await client.query({ query: LIST, variables: { first: 10 } });
  const list = client.watchQuery({ query: LIST, variables: { first: 10 } });
  const pages = list.subscribe({});
  let fetched = 1;
  while (cached(client).pageInfo.hasNextPage && fetched < 10) {
    await list.fetchMore({ variables: { after: cached(client).pageInfo.endCursor } });
    fetched += 1;
  }
  pages.unsubscribe();

  assert.equal(fetched, 5);
  assert.equal(new Set(ids(cached(client))).size, 42);
  assert.deepEqual(await spent(), ["GET /clients?page=1&limit=100"]);
});

const TABLE = gql`
  query Table($first: Int, $after: String, $search: String, $orderBy: [ClientOrder!]) {
    clients(first: $first, after: $after, search: $search, orderBy: $orderBy) {
      totalCount
      edges { cursor node { id lastName } }
      pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
      facets { status { value count } }
    }
  }
`;

test("pages of a sorted search are merged, each search and order apart", async () => {
  const { client } = application();
  const orderBy = [{ field: "LAST_NAME" }];
  for (const search of ["an", "ana"]) {
    const variables = { first: 3, search, orderBy };
    const shown = () => client.readQuery({ query: TABLE, variables }).clients;
    await client.query({ query: TABLE, variables });
    const list = client.watchQuery({ query: TABLE, variables });
    const pages = list.subscribe({});
    while (shown().pageInfo.hasNextPage)
      await list.fetchMore({ variables: { after: shown().pageInfo.endCursor } });
    pages.unsubscribe();

    const names = shown().edges.map(({ node }) => node.lastName);
    assert.equal(new Set(ids(shown())).size, shown().totalCount);
    assert.deepEqual(names, names.toSorted());
    const counts = shown().facets.status.map(({ count }) => count);
    assert.equal(counts.reduce((sum, count) => sum + count), shown().totalCount);
  }
  assert.ok((await spent()).length <= 1);
});

test("a mutation's result changes the row in every list that shows it", async () => {
  const { client } = application();
  const { data } = await client.query({ query: LIST, variables: { first: 10 } });
  const { id, version } = data.clients.edges[0].node;
  await spent();

  const changed = await client.mutate({
    mutation: UPDATE,
    variables: { input: { id, expectedVersion: version, status: "CLOSED" } },
  });
  assert.equal(changed.data.updateClient.client.version, version + 1);
  assert.equal(cached(client).edges[0].node.status, "CLOSED");

  const conflict = await client.mutate({
    mutation: UPDATE,
    variables: { input: { id, expectedVersion: version, status: "ACTIVE" } },
  });
  assert.equal(conflict.data.updateClient.code, "VERSION_CONFLICT");
  assert.equal(cached(client).edges[0].node.version, version + 1);
  assert.deepEqual(await spent(), [
    `PUT /clients/${id}`,
    `PUT /clients/${id}`,
    `GET /clients/${id}`,
  ]);
});

test("a created edge is added and a deleted client evicted, without another read", async () => {
  const { client } = application();
  await client.query({ query: LIST, variables: { first: 10 } });
  const before = ids(cached(client));
  await spent();

  const { data } = await client.mutate({
    mutation: CREATE,
    variables: { input: { firstName: "Betty", lastName: "Holberton", clientType: "SELLER" } },
    update: (cache, { data }) =>
      cache.updateQuery({ query: LIST, variables: { first: 10 } }, ({ clients }) => ({
        clients: { ...clients, edges: [data.createClient.clientEdge, ...clients.edges] },
      })),
  });
  const { id } = data.createClient.clientEdge.node;
  assert.equal(ids(cached(client)).includes(id), true);

  await client.mutate({
    mutation: DELETE,
    variables: { id },
    update: (cache, { data }) => {
      cache.evict({ id: cache.identify({ __typename: "Client", id: data.deleteClient.deletedClientId }) });
      cache.gc();
    },
  });
  assert.deepEqual(ids(cached(client)), before);
  assert.deepEqual(await spent(), ["POST /clients", `DELETE /clients/${id}`]);
});

const policies = {
  none: (result) => assert.rejects(result, CombinedGraphQLErrors),
  all: async (result) => {
    const { data, error } = await result;
    assert.deepEqual([data.good.__typename, data.bad], ["Client", null]);
    assert.equal(error.errors[0].extensions.code, "BAD_USER_INPUT");
  },
  ignore: async (result) => {
    const { data, error } = await result;
    assert.deepEqual([data.good.__typename, data.bad, error], ["Client", null, undefined]);
  },
};
for (const [errorPolicy, holds] of Object.entries(policies))
  test(`errorPolicy ${errorPolicy} makes of a half-failed answer what Apollo says it does`, async () => {
    const { client } = application();
    const { data } = await client.query({ query: LIST, variables: { first: 1 } });
    await spent();

    const variables = { id: ids(data.clients)[0], junk: "stranger" };
    await holds(client.query({ query: HALF, variables, errorPolicy, fetchPolicy: "no-cache" }));
    assert.deepEqual(await spent(), []);
  });

const once = { method: "POST", by: "text" };
for (const method of ["POST", "GET"])
  test(`a persisted query is sent by its hash with ${method}, its text sent once`, async () => {
    const { client, seen } = application({ useGETForHashedQueries: method === "GET" });
    const query = gql(`query Persisted${method} { clients(first: 3) { edges { cursor } } }`);
    const ask = () => client.query({ query, fetchPolicy: "no-cache" });
    const answers = [await ask(), await ask()];

    assert.deepEqual(seen, [{ method, by: "hash" }, once, { method, by: "hash" }]);
    assert.equal(answers[0].data.clients.edges.length, 3);
    assert.deepEqual(answers[0].data, answers[1].data);
  });

test("a persisted mutation is never sent with GET", async () => {
  const { client, seen } = application({ useGETForHashedQueries: true });
  const { data } = await client.mutate({ mutation: DELETE, variables: { id: MISSING } });

  assert.equal(data.deleteClient.__typename, "ClientNotFound");
  assert.deepEqual(seen.map(({ method }) => method), ["POST", "POST"]);
  assert.deepEqual(await spent(), [`DELETE /clients/${MISSING}`]);
});
