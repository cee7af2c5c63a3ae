// Apollo Client in a page, named and versioned, which makes it send headers of its own.
import { ApolloClient, gql, HttpLink, InMemoryCache } from "@apollo/client";
import { CombinedGraphQLErrors } from "@apollo/client/errors";

window.clients = {
  ...window.clients,
  apollo: async (uri, headers, text, variables) => {
    let answer;
    const recorded = async (...request) => (answer = await fetch(...request));
    const client = new ApolloClient({
      link: new HttpLink({ uri, headers, fetch: recorded }),
      cache: new InMemoryCache(),
      clientAwareness: { name: "office", version: "1.0" },
    });
    const document = gql(text);
    try {
      const { data } = text.startsWith("mutation")
        ? await client.mutate({ mutation: document, variables, fetchPolicy: "no-cache" })
        : await client.query({ query: document, variables, fetchPolicy: "no-cache" });
      return { data };
    } catch (error) {
      if (!answer) return { refused: error.name };
      const errors = CombinedGraphQLErrors.is(error)
        ? error.errors
        : JSON.parse(error.bodyText).errors; // a ServerError: it was no GraphQL response
      return {
        codes: errors.map(({ extensions }) => extensions.code),
        status: answer.status,
        retryAfter: answer.headers.get("retry-after"),
      };
    }
  },
};
