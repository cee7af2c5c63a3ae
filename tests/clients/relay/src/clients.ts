// What a Relay application says of clients; relay-compiler holds it to the SDL.
import { graphql } from "relay-runtime";

graphql`
  fragment clients_row on Client {
    id
    fullName
    status
    version
    updatedAt
  }

  fragment clients_list on Query
  @argumentDefinitions(
    first: { type: "Int" }
    after: { type: "String" }
    last: { type: "Int" }
    before: { type: "String" }
    offset: { type: "Int" }
  )
  @refetchable(queryName: "clientsPageQuery") {
    clients(first: $first, after: $after, last: $last, before: $before, offset: $offset)
      @connection(key: "clients_list_clients", filters: []) {
      __id
      edges {
        node {
          id
          ...clients_row @relay(mask: false)
        }
      }
      pageInfo {
        hasNextPage
        hasPreviousPage
        startCursor
        endCursor
      }
    }
  }

  fragment clients_table on Query
  @argumentDefinitions(
    first: { type: "Int" }
    after: { type: "String" }
    search: { type: "String" }
    orderBy: { type: "[ClientOrder!]" }
  )
  @refetchable(queryName: "clientsTablePageQuery") {
    clients(first: $first, after: $after, search: $search, orderBy: $orderBy)
      @connection(key: "clients_table_clients", filters: ["search", "orderBy"]) {
      totalCount
      edges {
        node {
          id
          lastName
        }
      }
      facets {
        status {
          value
          count
        }
      }
      pageInfo {
        hasNextPage
        endCursor
      }
    }
  }

  query clientsTableQuery($first: Int, $search: String, $orderBy: [ClientOrder!]) {
    ...clients_table @arguments(first: $first, search: $search, orderBy: $orderBy)
  }

  query clientsQuery($first: Int, $offset: Int) {
    ...clients_list @arguments(first: $first, offset: $offset)
  }

  query clientsNodeQuery($id: ID!) {
    node(id: $id) {
      __typename
      ... on Client @alias(as: "client") {
        ...clients_row @relay(mask: false)
      }
    }
  }

  mutation clientsCreateMutation($input: CreateClientInput!, $connections: [ID!]!) {
    createClient(input: $input) {
      __typename
      ... on CreateClientSuccess {
        clientEdge @appendEdge(connections: $connections) {
          cursor
          node {
            ...clients_row @relay(mask: false)
          }
        }
      }
      ... on ClientMutationError {
        code
        message
        retryable
      }
    }
  }

  mutation clientsUpdateMutation($input: UpdateClientInput!) {
    updateClient(input: $input) {
      __typename
      ... on UpdateClientSuccess {
        client {
          ...clients_row @relay(mask: false)
        }
      }
      ... on ClientVersionConflict {
        current {
          ...clients_row @relay(mask: false)
        }
      }
    }
  }

  mutation clientsDeleteMutation($input: DeleteClientInput!) {
    deleteClient(input: $input) {
      __typename
      ... on DeleteClientSuccess {
        deletedClientId @deleteRecord
      }
    }
  }
`;
