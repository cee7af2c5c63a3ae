import { InMemoryCache } from "@apollo/client";
import { relayStylePagination } from "@apollo/client/utilities";

export const possibleTypes = {
  Node: ["Client"],
  ClientMutationError: [
    "ClientNotFound",
    "ClientRateLimited",
    "ClientValidationError",
    "ClientVersionConflict",
    "ClientWriteUnconfirmed",
  ],
};

export const cache = () =>
  new InMemoryCache({
    possibleTypes,
    typePolicies: {
      Query: { fields: { clients: relayStylePagination(["filter", "search", "searchIn", "orderBy"]) } },
    },
  });
