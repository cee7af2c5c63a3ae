// An application whose user clicks "create", with Apollo's own RetryLink as it comes, while three
// answers in ten are lost: never more clients than clicks.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { test } from "node:test";

import { ApolloClient, ApolloLink, gql, HttpLink, InMemoryCache } from "@apollo/client";
import { RetryLink } from "@apollo/client/link/retry";

import { credential, fail, url } from "../setting.mjs";

const CLICKS = 20;
const CREATE = gql`
  mutation Create($input: CreateClientInput!) {
    createClient(input: $input) {
      ... on CreateClientSuccess { confirmedBy client { id } }
      ... on ClientMutationError { code retryable }
      ... on ClientWriteUnconfirmed { candidates { id } }
    }
  }
`;

/** Fetches, and now and then loses what came back, as a phone in a lift does. */
function network({ losing }) {
  let sent = 0;
  const fetched = async (where, init) => {
    sent += 1;
    const lost = losing && sent % 10 < 3;
    const answer = await fetch(where, init);
    if (lost) throw new TypeError("network error");
    return answer;
  };
  return { fetched, sent: () => sent };
}

/** The clients of this family name, straight from the API, however often it must be called. */
async function made(family) {
  for (let turn = 0; turn < 20; turn += 1) {
    try {
      const answer = await fetch(`${process.env.SANDBOX}/v1/clients?limit=100`, { headers: credential });
      const rows = (await answer.json()).data.clients;
      return rows.filter((row) => row.last_name === family);
    } catch {
      // lost too
    }
  }
  throw new Error("the sandbox cannot be called");
}

/** What became of each click: by the application's own knowledge, and by the API's. */
async function clicking(family, { keyed, losing }) {
  const { fetched, sent } = network({ losing });
  const link = ApolloLink.from([
    new RetryLink({ delay: { initial: 5, max: 20 } }),
    new HttpLink({ uri: url, headers: credential, fetch: fetched }),
  ]);
  const client = new ApolloClient({ link, cache: new InMemoryCache() });
  const ends = [];
  for (let click = 0; click < CLICKS; click += 1) {
    const input = { firstName: `Click ${click}`, lastName: family, clientType: "BUYER" };
    if (keyed) input.idempotencyKey = randomUUID();
    try {
      const { data } = await client.mutate({ mutation: CREATE, variables: { input } });
      ends.push(data.createClient);
    } catch (error) {
      ends.push({ code: error.message });
    }
  }
  const clients = await made(family);
  const count = (click) => clients.filter((row) => row.first_name === `Click ${click}`).length;
  const outcomes = ends.map((end) => end.confirmedBy ?? end.code);
  const tally = [...new Set(outcomes)].map((kind) => `${outcomes.filter((end) => end === kind).length} ${kind}`);
  console.log(`${family}: ${CLICKS} clicks, ${sent()} requests, ${clients.length} clients; ${tally.join(", ")}`);
  return { ends, clients, counts: ends.map((_, click) => count(click)), sent: sent() };
}

const lossy = () => fail({ times: 1_000_000, share: 0.3, lost: true });

test("an API that loses answers makes no more clients than clicks, as long as ours arrive", async () => {
  await lossy();
  const { ends, counts, sent } = await clicking("Plain", { keyed: false, losing: false });

  assert.equal(sent, CLICKS, "nothing we answer makes a RetryLink send again");
  ends.forEach((end, click) => {
    assert.ok(counts[click] <= 1, `click ${click} made ${counts[click]} clients`);
    if (end.confirmedBy) assert.equal(counts[click], 1);
  });
  assert.ok(ends.some((end) => end.confirmedBy === "READBACK"));
});

test("with a key for each click that is so where our answers are lost, too", async () => {
  const { ends, clients, counts, sent } = await clicking("Keyed", { keyed: true, losing: true });

  assert.ok(sent > CLICKS, "the RetryLink had something to do");
  ends.forEach((end, click) => {
    assert.ok(counts[click] <= 1, `click ${click} made ${counts[click]} clients`);
    if (end.confirmedBy) assert.ok(clients.some((row) => row.id === end.client.id));
  });
});

test("without one, a RetryLink makes several clients of one click", async () => {
  const { clients } = await clicking("Unkeyed", { keyed: false, losing: true });

  assert.ok(clients.length > CLICKS, "so send an idempotencyKey");
});
