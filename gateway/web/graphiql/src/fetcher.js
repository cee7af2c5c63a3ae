import { createGraphiQLFetcher } from '@graphiql/toolkit';

const URL = '/graphql';
const post = createGraphiQLFetcher({ url: URL, enableIncrementalDelivery: false });

/** Execute an operation; a subscription's responses come as they happen. */
export function fetcher(params, options) {
  return isSubscription(params, options) ? subscribe(params, options?.headers) : post(params, options);
}

function isSubscription({ operationName }, options) {
  const operations = (options?.documentAST?.definitions ?? []).filter(
    ({ kind, name }) =>
      kind === 'OperationDefinition' && (!operationName || name?.value === operationName),
  );
  return operations[0]?.operation === 'subscription';
}

/** Subscribe over Server-Sent Events, in which the page's headers can be sent. */
function subscribe(params, headers) {
  const control = new AbortController();
  const responses = read(params, headers, control.signal);
  return {
    [Symbol.asyncIterator]() {
      return this;
    },
    next: () => responses.next(),
    return() {
      control.abort();
      return responses.return();
    },
  };
}

async function* read(params, headers, signal) {
  try {
    const response = await fetch(URL, {
      method: 'POST',
      headers: { ...headers, 'Content-Type': 'application/json', Accept: 'text/event-stream' },
      body: JSON.stringify(params),
      signal,
    });
    if (!response.headers.get('Content-Type')?.startsWith('text/event-stream')) {
      yield await response.json();
      return;
    }
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = '';
    for (let piece = await reader.read(); !piece.done; piece = await reader.read()) {
      const events = (rest + piece.value).split('\n\n');
      rest = events.pop();
      for (const event of events) {
        const data = event.split('\n').find(line => line.startsWith('data: {'));
        if (data) yield JSON.parse(data.slice('data: '.length));
      }
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}
