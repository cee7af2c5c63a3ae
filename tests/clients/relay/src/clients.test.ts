// A Relay application without a screen: what usePaginationFragment and useMutation do, done on a
// real environment. One list is begun in the middle, grown at both ends, and changed.
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  createOperationDescriptor,
  getFragment,
  getPaginationMetadata,
  getPaginationVariables,
  getRequest,
  getSelector,
  type Direction,
  type SingularReaderSelector,
} from "relay-runtime";

import createMutation, { type clientsCreateMutation } from "../build/artifacts/clientsCreateMutation.graphql";
import deleteMutation, { type clientsDeleteMutation } from "../build/artifacts/clientsDeleteMutation.graphql";
import nodeQuery, { type clientsNodeQuery } from "../build/artifacts/clientsNodeQuery.graphql";
import listQuery, { type clientsQuery } from "../build/artifacts/clientsQuery.graphql";
import listFragment, { type clients_list$data } from "../build/artifacts/clients_list.graphql";
import tableQuery, { type clientsTableQuery } from "../build/artifacts/clientsTableQuery.graphql";
import tableFragment, { type clients_table$data } from "../build/artifacts/clients_table.graphql";
import updateMutation, { type clientsUpdateMutation } from "../build/artifacts/clientsUpdateMutation.graphql";
import { ask, change, environment, fail, spent } from "./environment";

const middle: clientsQuery["variables"] = { first: 10, offset: 200 };

/** The list as the store holds it now. */
function list(): NonNullable<clients_list$data["clients"]> {
  const query = createOperationDescriptor(getRequest(listQuery), middle);
  const root = environment.lookup(query.fragment).data;
  const selector = getSelector(getFragment(listFragment), root) as SingularReaderSelector;
  const { clients } = environment.lookup(selector).data as clients_list$data;
  assert.ok(clients);
  return clients;
}

const nodes = () => list().edges.map(({ node }) => node);
const ids = () => nodes().map((node) => node?.id);

async function load(direction: Direction, count: number): Promise<void> {
  const fragment = getFragment(listFragment);
  const { paginationRequest, paginationMetadata } = getPaginationMetadata(fragment, "load");
  const { startCursor, endCursor } = list().pageInfo;
  const cursor = direction === "forward" ? endCursor : startCursor;
  await ask(
    paginationRequest,
    getPaginationVariables(direction, count, cursor, {}, {}, paginationMetadata),
  );
}

test("a list begun in its middle grows at both ends, for a call a hundred rows", async () => {
  await ask<clientsQuery>(listQuery, middle);
  const begun = ids();
  await load("forward", 10);
  await load("backward", 10);

  assert.equal(begun.length, 10);
  assert.equal(new Set(ids()).size, 30);
  assert.deepEqual(ids().slice(10, 20), begun);
  assert.deepEqual([list().pageInfo.hasPreviousPage, list().pageInfo.hasNextPage], [true, true]);
  assert.deepEqual(await spent(), ["GET /clients?page=3&limit=100", "GET /clients?page=2&limit=100"]);
});

test("a sorted search grows page by page, as a connection of its own", async () => {
  const variables = { first: 40, search: "ana ng", orderBy: [{ field: "LAST_NAME" as const }] };
  await ask<clientsTableQuery>(tableQuery, variables);
  const table = (): NonNullable<clients_table$data["clients"]> => {
    const query = createOperationDescriptor(getRequest(tableQuery), variables);
    const root = environment.lookup(query.fragment).data;
    const selector = getSelector(getFragment(tableFragment), root) as SingularReaderSelector;
    const { clients } = environment.lookup(selector).data as clients_table$data;
    assert.ok(clients);
    return clients;
  };
  const { paginationRequest, paginationMetadata } = getPaginationMetadata(
    getFragment(tableFragment),
    "load",
  );
  while (table().pageInfo.hasNextPage) {
    const { endCursor } = table().pageInfo;
    await ask(
      paginationRequest,
      getPaginationVariables("forward", 40, endCursor, variables, {}, paginationMetadata),
    );
  }

  const { edges, totalCount, facets } = table();
  const counted = facets.status.reduce((sum, { count }) => sum + count, 0);
  assert.equal(new Set(edges.map(({ node }) => node?.id)).size, totalCount);
  assert.deepEqual([counted, totalCount > 40], [totalCount, true]);
  assert.ok((await spent()).length <= 25);
});

test("a change reaches the row that is already shown", async () => {
  const [first] = nodes();
  assert.ok(first);
  const { updateClient } = await change<clientsUpdateMutation>(updateMutation, {
    input: { id: first.id, status: "CLOSED", expectedVersion: first.version },
  });

  assert.equal(updateClient?.__typename, "UpdateClientSuccess");
  assert.equal(nodes()[0]?.status, "CLOSED");
  assert.equal(nodes()[0]?.version, (first.version ?? 0) + 1);
  assert.deepEqual(await spent(), [`PUT /clients/${first.id}`]);
});

test("a conflict brings the row as it now is", async () => {
  const [first] = nodes();
  assert.ok(first);
  const { updateClient } = await change<clientsUpdateMutation>(updateMutation, {
    input: { id: first.id, status: "ACTIVE", expectedVersion: 1000 },
  });

  assert.equal(updateClient?.__typename, "ClientVersionConflict");
  assert.deepEqual(nodes()[0], first);
  assert.deepEqual(await spent(), [`PUT /clients/${first.id}`, `GET /clients/${first.id}`]);
});

test("a created client is appended, and one that may not exist is not", async () => {
  const before = ids();
  const connections = [list().__id];
  const input = { firstName: "Ruth", lastName: "Teitelbaum", clientType: "BUYER" } as const;

  const { createClient } = await change<clientsCreateMutation>(createMutation, {
    input,
    connections,
  });
  assert.equal(createClient?.__typename, "CreateClientSuccess");
  const after = ids();
  assert.deepEqual(after.slice(0, -1), before);
  assert.equal(nodes().at(-1)?.fullName, "Ruth Teitelbaum");

  await fail({ method: "POST", dropped: true });
  const lost = (await change<clientsCreateMutation>(createMutation, { input, connections }))
    .createClient;
  assert.ok(lost?.__typename === "ClientWriteUnconfirmed");
  assert.deepEqual([lost.code, lost.retryable], ["WRITE_UNCONFIRMED", false]);
  assert.deepEqual(ids(), after);
  assert.deepEqual(await spent(), [
    "POST /clients",
    "POST /clients",
    "GET /clients?page=1&limit=100&client_type=buyer",
  ]);
});

test("a deleted client leaves every list it is shown in", async () => {
  const [id] = ids();
  assert.ok(id);
  const { deleteClient } = await change<clientsDeleteMutation>(deleteMutation, { input: { id } });

  assert.equal(deleteClient?.__typename, "DeleteClientSuccess");
  assert.equal(nodes()[0], null);
  assert.equal(environment.getStore().getSource().get(id), null);
  assert.deepEqual(await ask<clientsNodeQuery>(nodeQuery, { id }), { node: null });
  assert.deepEqual(await spent(), [`DELETE /clients/${id}`]);
});

test("what the store holds is read again by its id alone", async () => {
  const { node } = await ask<clientsNodeQuery>(nodeQuery, { id: String(ids()[1]) });

  assert.ok(node?.client);
  assert.deepEqual({ ...node.client, __typename: node.__typename }, nodes()[1]);
  assert.deepEqual(await spent(), []);
});
