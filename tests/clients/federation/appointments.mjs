// The Appointments subgraph, with one appointment for each client's id of the list
// that was PUT last. Prints its address.
import { readFileSync } from "node:fs";
import { createServer } from "node:http";

import { buildSubgraphSchema } from "@apollo/subgraph";
import { createHandler } from "graphql-http/lib/use/http";
import { parse } from "graphql";

const typeDefs = parse(readFileSync(new URL("appointments.graphql", import.meta.url), "utf8"));
let appointments = [];
const schema = buildSubgraphSchema({
  typeDefs,
  resolvers: { Query: { appointments: (_, { first }) => appointments.slice(0, first) } },
});

const handler = createHandler({ schema });
const server = createServer(async (request, response) => {
  if (request.method !== "PUT") return handler(request, response);
  const ids = JSON.parse(Buffer.concat(await request.toArray()).toString());
  appointments = ids.map((id, place) => ({
    id: `appointment-${place}`,
    place: `${place + 1} Main Street`,
    client: { __typename: "Client", id },
  }));
  response.end();
});
server.listen(0, "127.0.0.1", () => console.log(`http://127.0.0.1:${server.address().port}/`));
