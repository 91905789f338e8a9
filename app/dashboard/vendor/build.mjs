// Bundle the pinned packages into ../static/vendor, with their licences and hashes beside them.
import { createHash } from "node:crypto";
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { build, transform } from "esbuild";
import { Logger, compile } from "sass";

const TARGET = "../static/vendor";
const PACKAGES = ["preact", "@preact/signals", "@preact/signals-core", "htm", "@fluent/bundle", "@picocss/pico"];

await build({
  entryPoints: ["preact.js", "fluent.js"],
  outdir: TARGET,
  bundle: true,
  format: "esm",
  target: "es2022",
  minify: true,
  legalComments: "none",
});
const { css } = compile("pico.scss", { loadPaths: ["node_modules"], quietDeps: true, logger: Logger.silent });
writeFileSync(`${TARGET}/pico.css`, (await transform(css, { loader: "css", minify: true, legalComments: "none" })).code);

const licences = PACKAGES.map((name) => {
  const folder = `node_modules/${name}`;
  const { version, license } = JSON.parse(readFileSync(`${folder}/package.json`, "utf-8"));
  const file = readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry));
  const text = file ? readFileSync(`${folder}/${file}`, "utf-8").trim() : "";
  return `${name} ${version} (${license})\n\n${text}\n`;
});
writeFileSync(`${TARGET}/LICENSES.txt`, licences.join(`\n${"-".repeat(80)}\n\n`));

const hash = (file) => createHash("sha256").update(readFileSync(`${TARGET}/${file}`)).digest("hex");
const files = ["LICENSES.txt", "fluent.js", "pico.css", "preact.js"];
const hashes = Object.fromEntries(files.map((file) => [file, hash(file)]));
writeFileSync(`${TARGET}/hashes.json`, `${JSON.stringify(hashes, null, 2)}\n`);
