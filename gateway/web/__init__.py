"""What the outside can call: GraphQL over HTTP, the GraphiQL page, health."""
