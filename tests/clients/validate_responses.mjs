// node validate_responses.mjs DOCUMENT FOLDER: validate the recorded responses in FOLDER with Ajv
// in strict mode, print each finding once, and exit with 1 if there is one.
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import Ajv from "ajv";
import addFormats from "ajv-formats";

const [documentFile, folder] = process.argv.slice(2);
const MAX_FINDINGS = 50;
// What OpenAPI 3.0 adds to JSON Schema and does not constrain a response.
const ANNOTATIONS = ["discriminator", "example", "externalDocs", "xml"];

const mapValues = (object, change) => Object.fromEntries(Object.entries(object).map(([key, value]) => [key, change(value, key)]));

/** Translate OpenAPI 3.0 to JSON Schema. An object has no properties but those that are described. */
function translate(schema) {
  if (Array.isArray(schema)) return schema.map(translate);
  if (schema === null || typeof schema !== "object") return schema;
  const { nullable, ...rest } = mapValues(schema, (value, key) => {
    if (key === "properties") return mapValues(value, translate);
    return ["enum", "example"].includes(key) ? value : translate(value);
  });
  for (const key of Object.keys(rest)) if (key.startsWith("x-")) delete rest[key];
  for (const [exclusive, bound] of [["exclusiveMinimum", "minimum"], ["exclusiveMaximum", "maximum"]]) {
    if (rest[exclusive] === true) {
      rest[exclusive] = rest[bound];
      delete rest[bound];
    }
  }
  if (rest.properties) rest.additionalProperties ??= false;
  return nullable === true ? { anyOf: [{ type: "null" }, rest] } : rest;
}

const document = JSON.parse(readFileSync(documentFile, "utf8"));
const ajv = new Ajv({ strict: true, allErrors: true });
addFormats(ajv);
ajv.addFormat("binary", true);
ajv.addVocabulary([...ANNOTATIONS, "components"]);
ajv.addSchema({ $id: "openapi", components: { schemas: mapValues(document.components.schemas, translate) } });

const escape = (text) => text.replace(/[.*+?^$()|[\]\\]/g, "\\$&");
const routes = Object.entries(document.paths)
  .map(([path, item]) => ({ path, item, pattern: new RegExp(`^${escape(path).replace(/\{\w+\}/g, "[^/]+")}$`) }))
  .sort((a, b) => a.path.split("{").length - b.path.split("{").length);

/** Return the node that a reference of the document means. */
function resolve(node) {
  if (!node?.$ref) return node;
  return resolve(node.$ref.slice(2).split("/").reduce((parent, key) => parent[key], document));
}

const validators = new Map();
function validatorOf(schema, key) {
  if (!validators.has(key)) {
    const local = JSON.parse(JSON.stringify(translate(schema)).replaceAll('"#/components', '"openapi#/components'));
    validators.set(key, ajv.compile(local));
  }
  return validators.get(key);
}

// A request that no operation takes is refused with one of many codes; one with a body that is too
// large, by every route.
const isRefused = ({ status, body }) => status >= 400 && validatorOf({ $ref: "#/components/schemas/ApiError" }, "error")(body);
const isTooLarge = (response) => response.status === 413 && isRefused(response);

/** Return what is wrong with a recorded response. */
function check({ method, path, status, type, body }) {
  const route = routes.find(({ pattern }) => pattern.test(path));
  if (!route) return isRefused({ status, body }) ? [] : ["no such path in the document"];
  const operation = route.item[method.toLowerCase()];
  if (!operation) return isRefused({ status, body }) ? [] : ["no such operation in the document"];
  const response = resolve(operation.responses[status]);
  if (!response) return isTooLarge({ status, body }) ? [] : [`${status} is not documented (${body.code})`];
  const content = response.content?.[type.split(";")[0]];
  if (!content) return [`${status} is not documented as ${type}`];
  const validate = validatorOf(content.schema, `${method} ${route.path} ${status}`);
  if (validate(body)) return [];
  return validate.errors.map(
    ({ instancePath, message, params }) => `${status} ${instancePath.replace(/\d+/g, "0")}: ${message} ${JSON.stringify(params)}`,
  );
}

const pathOf = ({ path }) => routes.find(({ pattern }) => pattern.test(path))?.path ?? path;
const findings = new Set();
let count = 0;
for (const file of readdirSync(folder)) {
  for (const line of readFileSync(join(folder, file), "utf8").split("\n").filter(Boolean)) {
    const response = JSON.parse(line);
    count++;
    for (const problem of check(response)) findings.add(`${response.method} ${pathOf(response)} ${problem}`);
  }
}
console.log(`${count} responses validated by Ajv`);
for (const finding of [...findings].slice(0, MAX_FINDINGS)) console.log(finding);
if (findings.size) console.log(`${findings.size} findings`);
process.exit(findings.size ? 1 : 0);
