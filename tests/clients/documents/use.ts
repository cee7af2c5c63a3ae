// A caller of the README's operations: the types hold what the page says of the answers.
import type { ResultOf, TypedDocumentNode, VariablesOf } from "@graphql-typed-document-node/core";

import { ReadmeChangeDocument, ReadmePageDocument } from "./build/graphql/graphql";

declare function ask<Result, Variables>(
  document: TypedDocumentNode<Result, Variables>,
  variables: Variables,
): Promise<Result>;

type Change = ResultOf<typeof ReadmeChangeDocument>["updateClient"];

/** Every way a change can end, distinguished by `__typename` alone. */
function ending(change: Change): string {
  if (!change) return "an error, with the path of this mutation, says why";
  switch (change.__typename) {
    case "UpdateClientSuccess":
      return `${change.client.id} is ${change.client.status ?? "unknown"}`;
    case "ClientNotFound":
    case "ClientRateLimited":
    case "ClientValidationError":
    case "ClientVersionConflict":
    case "ClientWriteUnconfirmed":
      return change.retryable ? `again in ${change.retryAfter ?? 0} s` : change.code;
    default:
      return change satisfies never;
  }
}

// @ts-expect-error a change names its client
const none: VariablesOf<typeof ReadmeChangeDocument> = {};

export async function use(): Promise<string[]> {
  const { updateClient } = await ask(ReadmeChangeDocument, { id: "1", version: 3 });
  const { clients } = await ask(ReadmePageDocument, {});
  const names: (string | null)[] = (clients?.edges ?? []).map(({ node }) => node?.fullName ?? null);
  // @ts-expect-error a client may be without a budget
  const budget: number | undefined = clients?.edges[0]?.node?.budgetMax;
  return [ending(updateClient), ...names.map((name) => name ?? ""), String([none, budget])];
}
