// Bundle the client's modules and style sheets into ../static/bundle, which the service serves
// as long as it belongs to the modules beside it.
import { createHash } from "node:crypto";
import { readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { build } from "esbuild";
import { PurgeCSS } from "purgecss";

const SOURCE = "../static";
const TARGET = `${SOURCE}/bundle`;

rmSync(TARGET, { recursive: true, force: true });
await build({
  entryPoints: [`${SOURCE}/app.js`, `${SOURCE}/app.css`],
  outdir: TARGET,
  bundle: true,
  splitting: true,
  format: "esm",
  target: "es2022",
  minify: true,
  legalComments: "none",
  chunkNames: "[name]-[hash]",
});

// Only rules and variables that some page can use.
const [purged] = await new PurgeCSS().purge({
  content: [`${SOURCE}/*.js`, `${SOURCE}/{components,lib,pages}/**/*.js`, "../templates/*.html"],
  css: [`${TARGET}/app.css`],
  variables: true,
  keyframes: true,
});
writeFileSync(`${TARGET}/app.css`, purged.css);

// The digest of what was bundled, as app/dashboard/static_files.py computes it.
const files = readdirSync(SOURCE, { recursive: true }).filter((path) => /\.(js|css)$/.test(path) && !path.startsWith("bundle"));
const digest = createHash("sha256");
for (const path of files.sort()) digest.update(`${path}\0`).update(readFileSync(`${SOURCE}/${path}`));
writeFileSync(`${TARGET}/source.json`, `${JSON.stringify({ sha256: digest.digest("hex") })}\n`);
