// Stands between a router and our gateway, and remembers each request: GET /seen tells them.
import { createServer } from "node:http";

const seen = [];
const server = createServer(async (request, response) => {
  if (request.method === "GET") return response.end(JSON.stringify(seen.splice(0)));
  const body = Buffer.concat(await request.toArray()).toString();
  const { query, variables } = JSON.parse(body);
  const { host, connection, "content-length": _, ...headers } = request.headers;
  seen.push({ query, representations: variables?.representations?.length ?? 0, headers });
  const answer = await fetch(process.env.GATEWAY, { method: "POST", headers, body });
  response.writeHead(answer.status, { "content-type": answer.headers.get("content-type") });
  response.end(await answer.text());
});
server.listen(0, "127.0.0.1", () => console.log(`http://127.0.0.1:${server.address().port}/`));
