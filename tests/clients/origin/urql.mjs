// urql in a page.
import { Client, fetchExchange } from "@urql/core";

window.clients = {
  ...window.clients,
  urql: async (url, headers, text, variables) => {
    const client = new Client({
      url,
      exchanges: [fetchExchange],
      fetchOptions: { headers },
      preferGetMethod: false,
    });
    const { data, error } = text.startsWith("mutation")
      ? await client.mutation(text, variables).toPromise()
      : await client.query(text, variables).toPromise();
    if (!error) return { data };
    if (!error.response) return { refused: error.networkError.name };
    return {
      codes: error.graphQLErrors.map(({ extensions }) => extensions.code),
      status: error.response.status,
      retryAfter: error.response.headers.get("retry-after"),
    };
  },
};
