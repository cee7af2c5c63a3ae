// What a page gets with nothing but fetch: what it could read, or how it was refused.
window.plain = async (url, init) => {
  try {
    const answer = await fetch(url, init);
    const received = Object.fromEntries(answer.headers);
    return { status: answer.status, retryAfter: received["retry-after"], headers: received, body: await answer.text() };
  } catch (refusal) {
    return { refused: refusal.name };
  }
};
window.clients = {
  ...window.clients,
  fetch: async (url, headers, query, variables) => {
    const { status, retryAfter, body, refused } = await window.plain(url, {
      method: "POST",
      headers: {
        Accept: "application/graphql-response+json",
        "Content-Type": "application/json",
        ...headers,
      },
      body: JSON.stringify({ query, variables }),
    });
    if (refused) return { refused };
    const { data, errors } = JSON.parse(body);
    const codes = errors?.map(({ extensions }) => extensions.code);
    return codes ? { codes, status, retryAfter } : { data };
  },
};
