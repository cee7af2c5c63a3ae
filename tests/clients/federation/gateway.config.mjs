// Hive Gateway: hive-gateway supergraph
const CREDENTIALS = ["x-api-key", "authorization"];

export const gatewayConfig = {
  supergraph: "./supergraph.graphql",
  propagateHeaders: {
    fromClientToSubgraphs: ({ request, subgraphName }) =>
      subgraphName === "clients"
        ? Object.fromEntries(CREDENTIALS.map((name) => [name, request.headers.get(name)]))
        : {},
  },
  // `@cost` and `@listSize` of the clients subgraph count calls of the API.
  demandControl: { maxCost: 50, includeExtensionMetadata: true },
};
