"""The parts of HTTP that are independent of GraphQL: headers, CORS, content, tracing."""
