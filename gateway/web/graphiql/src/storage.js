/**
 * GraphiQL writes the headers of every operation into its history, and headers are credentials:
 * this storage keeps everything but those.
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
