// GraphQL over HTTP, audited by the specification's own reference suite: one line per audit.
import { auditServer } from "graphql-http";

import { credential, url } from "./setting.mjs";

const fetchFn = (where, { headers, ...rest } = {}) =>
  fetch(where, { ...rest, headers: { ...credential, ...headers } });

const results = await auditServer({ url, fetchFn });
for (const { status, id, name, reason, response } of results) {
  const why = status === "ok" ? "" : `: ${reason} (${response?.status} ${await response?.text()})`;
  console.log(`${status} ${id} ${name}${why}`);
}
const passed = results.filter(({ status }) => status === "ok").length;
console.log(`${passed} of ${results.length} audits passed`);
