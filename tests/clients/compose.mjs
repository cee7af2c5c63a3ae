// Composes the subgraph read from standard input, alone, and prints what composition says of it.
import { readFileSync } from "node:fs";

import { composeServices } from "@theguild/federation-composition";
import { parse } from "graphql";

const sdl = readFileSync(0, "utf8");
const result = composeServices([
  { name: "clients", url: "http://127.0.0.1:8000/graphql", typeDefs: parse(sdl) },
]);

console.log(
  JSON.stringify({
    errors: (result.errors ?? []).map((error) => error.message),
    supergraph: result.supergraphSdl ?? null,
  }),
);
