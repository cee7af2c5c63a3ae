// The page's clients, each bundled for a browser as an application's are, into the folder named.
import { build } from "esbuild";

await build({
  entryPoints: ["fetch", "apollo", "urql"].map(
    (name) => new URL(`${name}.mjs`, import.meta.url).pathname,
  ),
  bundle: true,
  format: "iife",
  platform: "browser",
  define: { "process.env.NODE_ENV": '"production"' },
  outdir: process.argv[2],
});
