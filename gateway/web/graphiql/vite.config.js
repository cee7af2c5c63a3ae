import { defineConfig } from 'vite';

export default defineConfig({
  // The page is served at /graphql, and the files that it loads under /graphiql/.
  base: '/graphiql/',
  oxc: { jsx: { runtime: 'automatic' } },
  worker: { format: 'es' },
  build: {
    target: 'es2022',
    // The page's Content-Security-Policy forbids scripts and styles in data URLs: inline nothing.
    assetsInlineLimit: 0,
    // The editor is built as one large chunk on purpose: do not warn about its size.
    chunkSizeWarningLimit: 8000,
    rolldownOptions: {
      onLog(level, log, report) {
        // "use client" matters only for server-side rendering of React, which is not used here.
        if (log.code !== 'MODULE_LEVEL_DIRECTIVE') report(level, log);
      },
    },
  },
});
