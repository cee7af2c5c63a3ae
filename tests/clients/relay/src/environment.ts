// A Relay environment over the gateway: documents are named by the id that relay-compiler gave them.
import {
  commitMutation,
  Environment,
  fetchQuery,
  Network,
  RecordSource,
  Store,
  type GraphQLTaggedNode,
  type MutationParameters,
  type OperationType,
} from "relay-runtime";

const { GATEWAY, SANDBOX, API_KEY } = process.env as Record<string, string>;

export const environment = new Environment({
  store: new Store(new RecordSource()),
  network: Network.create(async ({ id }, variables) => {
    const answer = await fetch(GATEWAY, {
      method: "POST",
      headers: {
        "Content-Type": "application/json",
        Accept: "application/graphql-response+json",
        "X-API-Key": API_KEY,
      },
      body: JSON.stringify({ documentId: id, variables }),
    });
    return answer.json();
  }),
});

/** Calls upstream since the last call of this. */
export async function spent(): Promise<string[]> {
  const calls = (await (await fetch(`${SANDBOX}/_sandbox/calls`)).json()) as string[];
  await fetch(`${SANDBOX}/_sandbox/calls`, { method: "DELETE" });
  return calls;
}

/** Lets the next call that meets `fault` go wrong. */
export const fail = (fault: object) =>
  fetch(`${SANDBOX}/_sandbox/faults`, { method: "POST", body: JSON.stringify(fault) });

export async function ask<Q extends OperationType>(
  query: GraphQLTaggedNode,
  variables: Q["variables"],
): Promise<Q["response"]> {
  const answer = await fetchQuery<Q>(environment, query, variables).toPromise();
  if (answer === undefined) throw new Error("no answer");
  return answer;
}

export const change = <M extends MutationParameters>(
  mutation: GraphQLTaggedNode,
  variables: M["variables"],
): Promise<M["response"]> =>
  new Promise((resolve, reject) =>
    commitMutation<M>(environment, {
      mutation,
      variables,
      onCompleted: (response, errors) => (errors ? reject(errors) : resolve(response)),
      onError: reject,
    }),
  );
