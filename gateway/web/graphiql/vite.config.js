import { defineConfig } from 'vite';

export default defineConfig({
  // The page answers at /graphql; everything it loads lives under /graphiql/.
  base: '/graphiql/',
  oxc: { jsx: { runtime: 'automatic' } },
  worker: { format: 'es' },
  build: {
    target: 'es2022',
    // The page's policy lets no script or style come as data: small files stay files.
    assetsInlineLimit: 0,
    // The editor is one big program, and it is wanted whole.
    chunkSizeWarningLimit: 8000,
    rolldownOptions: {
      onLog(level, log, report) {
        // "use client" speaks to servers that render React; there is none here.
        if (log.code !== 'MODULE_LEVEL_DIRECTIVE') report(level, log);
      },
    },
  },
});
