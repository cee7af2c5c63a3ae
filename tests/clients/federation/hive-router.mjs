// Serves gateway.config.mjs by Hive Gateway's runtime: its command would bring as much again, among it
// what exports traces. Prints its address.
import { createServer } from "node:http";

import { createGatewayRuntime } from "@graphql-hive/gateway-runtime";
import * as http from "@graphql-mesh/transport-http";

import { gatewayConfig } from "./gateway.config.mjs";

const server = createServer(createGatewayRuntime({ ...gatewayConfig, transports: { http } }));
server.listen(0, "127.0.0.1", () =>
  console.log(`The router listens at http://127.0.0.1:${server.address().port}/`),
);
