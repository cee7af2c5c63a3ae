// Stands between a router and the gateway whose URL was PUT last, and remembers each request: GET /
// returns and forgets them.
import { createServer } from "node:http";
import { Readable, pipeline } from "node:stream";

let gateway;
const seen = [];
const server = createServer(async (request, response) => {
  const { method, url } = request;
  if (method === "GET" && url === "/") return response.end(JSON.stringify(seen.splice(0)));
  const body = Buffer.concat(await request.toArray()).toString();
  if (method === "PUT") {
    gateway = JSON.parse(body);
    seen.length = 0;
    return response.end();
  }
  const { host, connection, "content-length": _, ...headers } = request.headers;
  if (method === "POST") {
    const { query, variables } = JSON.parse(body);
    seen.push({ query, representations: variables?.representations?.length ?? 0, headers });
  }
  const query = url.slice(1); // a subscription's, which Hive sends by GET
  const answer = await fetch(gateway + query, { method, headers, body: body || undefined });
  response.writeHead(answer.status, { "content-type": answer.headers.get("content-type") });
  pipeline(Readable.fromWeb(answer.body), response, () => {}); // ends with the one that ends first
});
server.listen(0, "127.0.0.1", () => console.log(`http://127.0.0.1:${server.address().port}/`));
