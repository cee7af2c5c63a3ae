/** The tabs of a first visit: `examples/*.graphql` in order, with variables from JSON files. */

const queries = import.meta.glob('./examples/*.graphql', {
  eager: true,
  import: 'default',
  query: '?raw',
});
const variables = import.meta.glob('./examples/*.json', {
  eager: true,
  import: 'default',
  query: '?raw',
});

export const examples = Object.keys(queries)
  .sort()
  .map(path => ({
    query: queries[path],
    variables: variables[path.replace('.graphql', '.json')],
  }));
