import { cacheExchange } from "@urql/exchange-graphcache";
import { relayPagination } from "@urql/exchange-graphcache/extras";

/** Types without an identity live where they are embedded. */
const EMBEDDED = [
  "ClientConnection",
  "ClientEdge",
  "ClientInputIssue",
  "ClientMergedOver",
  "PageInfo",
  "PropertyPreferences",
];

/** `schema` is the introspection of ours; `shown` is the query of the list that a new client joins. */
export const cache = (schema, shown) =>
  cacheExchange({
    schema,
    keys: Object.fromEntries(EMBEDDED.map((type) => [type, () => null])),
    resolvers: { Query: { clients: relayPagination() } },
    updates: {
      Mutation: {
        createClient({ createClient: { clientEdge } }, _, cache) {
          if (clientEdge === undefined) return; // it ended in another member of the union
          cache.updateQuery(shown, ({ clients }) => ({
            clients: { ...clients, edges: [clientEdge, ...clients.edges] },
          }));
        },
        deleteClient({ deleteClient: { deletedClientId } }, _, cache) {
          if (deletedClientId) cache.invalidate({ __typename: "Client", id: deletedClientId });
        },
      },
    },
  });
