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
  // `@cost` and `@listSize` of the clients subgraph count calls of the API.
  demandControl: { maxCost: 50, includeExtensionMetadata: true },
});
