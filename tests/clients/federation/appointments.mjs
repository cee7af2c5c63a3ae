// The Appointments subgraph, with one appointment for each id in CLIENT_IDS. Prints its address.
import { readFileSync } from "node:fs";
import { createServer } from "node:http";

import { buildSubgraphSchema } from "@apollo/subgraph";
import { createHandler } from "graphql-http/lib/use/http";
import { parse } from "graphql";

const typeDefs = parse(readFileSync(new URL("appointments.graphql", import.meta.url), "utf8"));
const appointments = JSON.parse(process.env.CLIENT_IDS).map((id, place) => ({
  id: `appointment-${place}`,
  place: `${place + 1} Main Street`,
  client: { __typename: "Client", id },
}));
const schema = buildSubgraphSchema({
  typeDefs,
  resolvers: { Query: { appointments: (_, { first }) => appointments.slice(0, first) } },
});

const server = createServer(createHandler({ schema }));
server.listen(0, "127.0.0.1", () => console.log(`http://127.0.0.1:${server.address().port}/`));
