// What differs between two SDLs: `node diff.mjs OLD NEW`; without NEW it is standard input. Each
// change in words, those that break clients first; status 1 if there is any.
import { readFileSync } from "node:fs";

import { diff } from "@graphql-inspector/core";
import { buildSchema } from "graphql";

const schema = (file) => buildSchema(readFileSync(file, "utf8"), { assumeValidSDL: true });

const [old, changed = 0] = process.argv.slice(2);
const changes = await diff(schema(old), schema(changed));
for (const level of ["BREAKING", "DANGEROUS", "NON_BREAKING"])
  for (const { criticality, message } of changes)
    if (criticality.level === level) console.log(`${level}: ${message}`);
console.log(`${changes.length} changes to ${old}`);
process.exit(changes.length ? 1 : 0);
