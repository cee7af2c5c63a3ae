// Subscribes with the client libraries named as arguments, and prints each event as a line of JSON.
import { ApolloClient, gql, HttpLink, InMemoryCache } from "@apollo/client";
import { RetryLink } from "@apollo/client/link/retry";
import { GraphQLWsLink } from "@apollo/client/link/subscriptions";
import { createClient as createSSEClient } from "graphql-sse";
import { createClient as createWSClient } from "graphql-ws";
import relay from "relay-runtime";
import WebSocket from "ws";
import { Client as UrqlClient, fetchExchange, subscriptionExchange } from "@urql/core";

import { credential, url } from "../setting.mjs";

const SUBSCRIPTION = `subscription Changed($id: ID!) {
  clientChanged(id: $id, initial: true) { kind clientId client { id email } }
}`;
const variables = { id: process.env.CLIENT };
const RETRY = { retryAttempts: 100, retry: () => new Promise((done) => setTimeout(done, 100)) };

/** Retries Apollo's links for as long as a restart takes. */
const retrying = () =>
  new RetryLink({ delay: { initial: 100, max: 100 }, attempts: { max: 100 } });

/** The client of WebSockets; it comes back by itself, and subscribes again. */
const websocket = () =>
  createWSClient({
    url: url.replace("http", "ws"),
    connectionParams: credential,
    webSocketImpl: WebSocket,
    retryAttempts: RETRY.retryAttempts,
    retryWait: RETRY.retry,
    shouldRetry: () => true, // an address that does not listen, too
  });

function apollo(link) {
  const client = new ApolloClient({ link, cache: new InMemoryCache() });
  return (sink) => client.subscribe({ query: gql(SUBSCRIPTION), variables }).subscribe(sink);
}

const field = (name) => ({ kind: "ScalarField", alias: null, args: null, name, storageKey: null });
const object = (name, concreteType, selections, args = null) => ({
  ...{ kind: "LinkedField", alias: null, args, concreteType, name },
  ...{ plural: false, selections, storageKey: null },
});

/** The subscription as relay-compiler writes it. */
function compiled() {
  const selections = [
    object(
      "clientChanged",
      "ClientChange",
      [field("kind"), field("clientId"), object("client", "Client", [field("id"), field("email")])],
      [
        { kind: "Variable", name: "id", variableName: "id" },
        { kind: "Literal", name: "initial", value: true },
      ],
    ),
  ];
  const argumentDefinitions = [{ defaultValue: null, kind: "LocalArgument", name: "id" }];
  const params = { id: null, metadata: {}, name: "Changed", operationKind: "subscription" };
  const root = { argumentDefinitions, name: "Changed", selections };
  return {
    kind: "Request",
    fragment: { ...root, kind: "Fragment", metadata: null, type: "Subscription", abstractKey: null },
    operation: { ...root, kind: "Operation" },
    params: { ...params, cacheID: "changed", text: SUBSCRIPTION },
  };
}

const CLIENTS = {
  relay: () => {
    const events = createSSEClient({ url, headers: credential, ...RETRY });
    const network = relay.Network.create(
      () => relay.Observable.create((sink) => sink.error(new Error("no query is sent"))),
      ({ text }, values) =>
        relay.Observable.create((sink) =>
          events.subscribe({ query: text, variables: values }, sink),
        ),
    );
    const store = new relay.Store(new relay.RecordSource());
    const environment = new relay.Environment({ network, store });
    return ({ next, error, complete }) =>
      relay.requestSubscription(environment, {
        ...{ subscription: compiled(), variables },
        ...{ onNext: (data) => next({ data }), onError: error, onCompleted: complete },
      });
  },
  "graphql-sse": () => {
    const client = createSSEClient({ url, headers: credential, ...RETRY });
    return (sink) => client.subscribe({ query: SUBSCRIPTION, variables }, sink);
  },
  "apollo-multipart": () =>
    apollo(retrying().concat(new HttpLink({ uri: url, headers: credential }))),
  "graphql-ws": () => {
    const client = websocket();
    return (sink) => client.subscribe({ query: SUBSCRIPTION, variables }, sink);
  },
  "apollo-websocket": () => apollo(new GraphQLWsLink(websocket())),
  urql: () => {
    const client = new UrqlClient({
      url,
      preferGetMethod: false,
      fetchSubscriptions: true,
      exchanges: [fetchExchange],
      fetchOptions: { headers: credential },
    });
    return (sink) => {
      const open = () =>
        client.subscription(SUBSCRIPTION, variables).subscribe((result) => {
          // urql leaves coming back to the application, after an error and after the end.
          if (result.error || !result.hasNext) setTimeout(open, 100);
          else sink.next(result);
        });
      open();
    };
  },
};

for (const name of process.argv.slice(2)) {
  const print = (event) => console.log(JSON.stringify({ name, ...event }));
  CLIENTS[name]()({
    next: ({ data, errors, error }) => {
      const change = data?.clientChanged;
      print(change ? { kind: change.kind, email: change.client?.email } : { errors, error });
    },
    error: (error) => print({ error: String(error?.message ?? error) }),
    complete: () => print({ complete: true }),
  });
}
