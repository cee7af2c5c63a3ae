/**
 * A storage that omits request headers from the history. GraphiQL stores the headers of every
 * operation there, and they contain credentials.
 */

const HISTORY = ['graphiql:queries', 'graphiql:favorites'];

const withoutHeaders = text =>
  JSON.stringify(JSON.parse(text), (key, value) => (key === 'headers' ? undefined : value));

export function keepingNoHeaders(storage) {
  return {
    getItem: key => storage.getItem(key),
    setItem: (key, value) =>
      storage.setItem(key, HISTORY.includes(key) ? withoutHeaders(value) : value),
    removeItem: key => storage.removeItem(key),
    clear: () => storage.clear(),
    get length() {
      return storage.length;
    },
  };
}
