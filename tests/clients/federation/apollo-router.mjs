// Apollo Gateway, served by Apollo Server: node apollo-router.mjs
import { readFileSync } from "node:fs";

import { ApolloGateway, RemoteGraphQLDataSource } from "@apollo/gateway";
import { ApolloServer } from "@apollo/server";
import { startStandaloneServer } from "@apollo/server/standalone";

const CREDENTIALS = ["x-api-key", "authorization"];

/** The clients subgraph, called with the credentials of the router's client. */
class Clients extends RemoteGraphQLDataSource {
  willSendRequest({ request, context }) {
    for (const name of CREDENTIALS)
      if (context.headers?.[name]) request.http.headers.set(name, context.headers[name]);
  }
}

const gateway = new ApolloGateway({
  supergraphSdl: readFileSync("supergraph.graphql", "utf8"),
  buildService: ({ name, url }) =>
    name === "clients" ? new Clients({ url }) : new RemoteGraphQLDataSource({ url }),
});
const { url } = await startStandaloneServer(new ApolloServer({ gateway }), {
  listen: { host: "127.0.0.1", port: Number(process.env.PORT ?? 4000) },
  context: async ({ req }) => ({ headers: req.headers }),
});
console.log(`The router listens at ${url}`);
