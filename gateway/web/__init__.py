"""The HTTP interface of the gateway: GraphQL over HTTP, the GraphiQL page, health checks."""
