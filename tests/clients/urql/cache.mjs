import { cacheExchange } from "@urql/exchange-graphcache";
import { relayPagination } from "@urql/exchange-graphcache/extras";

/** Types without an identity live where they are embedded. */
const EMBEDDED = [
  "ClientConnection",
  "ClientEdge",
  "ClientFacets",
  "ClientInputIssue",
  "ClientMergedOver",
  "ClientStatusCount",
  "ClientTypeCount",
  "FloatStatistics",
  "PageInfo",
  "PropertyPreferences",
  "StringCount",
];

/** `schema` is the introspection of ours; `shown` is the query of the list that a new client joins. */
export const cache = (schema, shown) =>
  cacheExchange({
    schema,
    keys: Object.fromEntries(EMBEDDED.map((type) => [type, () => null])),
    resolvers: { Query: { clients: relayPagination() } },
    updates: {
      Mutation: {
        createClient({ createClient }, _, cache) {
          const edge = createClient?.clientEdge;
          if (!edge) return; // it is null, or another member of the union
          cache.updateQuery(shown, (data) => {
            if (!data?.clients) return data; // the list was not read yet
            return { clients: { ...data.clients, edges: [edge, ...data.clients.edges] } };
          });
        },
        deleteClient({ deleteClient }, _, cache) {
          const id = deleteClient?.deletedClientId;
          if (id) cache.invalidate({ __typename: "Client", id });
        },
      },
    },
  });
