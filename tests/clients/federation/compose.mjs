// Composes subgraphs into a supergraph: `node compose.mjs COMPOSER SUPERGRAPH NAME=URL=FILE...`.
// Says what is wrong with them, if anything is, and then ends with status 1.
import { readFileSync, writeFileSync } from "node:fs";
import { parse } from "graphql";

const composers = {
  apollo: "@apollo/composition",
  guild: "@theguild/federation-composition",
};

const [composer, supergraph, ...subgraphs] = process.argv.slice(2);
const { composeServices } = await import(composers[composer]);
const { errors, supergraphSdl } = composeServices(
  subgraphs.map((subgraph) => {
    const [name, url, file] = subgraph.split("=");
    return { name, url, typeDefs: parse(readFileSync(file, "utf8")) };
  }),
);

for (const error of errors ?? []) console.log(`${error.extensions?.code}: ${error.message}`);
if (errors?.length) process.exit(1);
writeFileSync(supergraph, supergraphSdl);
console.log(`${composers[composer]} composed ${subgraphs.length} subgraphs`);
