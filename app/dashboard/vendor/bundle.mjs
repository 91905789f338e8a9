// Bundle the client's modules and style sheets into ../static/bundle, which the service serves
// as long as it belongs to the modules beside it.
import { createHash } from "node:crypto";
import { readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { build } from "esbuild";
import { PurgeCSS } from "purgecss";

const SOURCE = "../static";
const TARGET = `${SOURCE}/bundle`;
const GROUPS = ["public", "account", "staff", "admin"]; // of pages, loaded when one of them is shown

/** Leave out the indentation, which htm ignores in templates. */
const withoutIndentation = {
  name: "without-indentation",
  setup: ({ onLoad }) =>
    onLoad({ filter: /static\/(app|components|lib|pages)\b.*\.js$/ }, ({ path }) => ({
      contents: readFileSync(path, "utf-8").replace(/([>}])\n\s+(?=[<$])/g, "$1").replace(/\n\s+/g, "\n"),
    })),
};

rmSync(TARGET, { recursive: true, force: true });
await build({
  entryPoints: [
    { in: `${SOURCE}/app.js`, out: "app" },
    { in: `${SOURCE}/app.css`, out: "app" },
    ...GROUPS.map((group) => ({ in: `${SOURCE}/pages/${group}/index.js`, out: group })),
  ],
  outdir: TARGET,
  bundle: true,
  splitting: true,
  format: "esm",
  target: "es2022",
  minify: true,
  legalComments: "none",
  chunkNames: "[name]-[hash]",
  plugins: [withoutIndentation],
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
