// Hive Gateway: hive-gateway supergraph
import { defineConfig } from "@graphql-hive/gateway";

const CREDENTIALS = ["x-api-key", "authorization"];

export const gatewayConfig = defineConfig({
  supergraph: "./supergraph.graphql",
  propagateHeaders: {
    fromClientToSubgraphs: ({ request, subgraphName }) =>
      subgraphName === "clients"
        ? Object.fromEntries(CREDENTIALS.map((name) => [name, request.headers.get(name)]))
        : {},
  },
  // Our `@cost` and `@listSize` count calls of the API: one operation may ask for this many.
  demandControl: { maxCost: 50, includeExtensionMetadata: true },
});
