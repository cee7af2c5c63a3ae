"""Parts of HTTP that GraphQL does not know: headers, CORS, content, tracing."""
